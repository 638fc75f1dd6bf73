"""Which choice an answer settles on, by hand; what is ambiguous settles on none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.benchmarks.multiple_choice import parse_choice

CHOICES = {"A": "bank", "B": "library", "C": "park", "D": "car park", "E": "a dog"}
RIGHT = [
    "B",
    "b",
    "B!",
    "Ｂ",
    "（Ｂ）",
    "Answer：Ｂ",
    "```\nB\n```",
    '```json\n{"answer": "B"}\n```',
    '{"answer": "B", "why": "A has none"}',
    "{'answer': 'B'}",
    "<answer>B</answer>",
    "A bank or a park?\n<answer>(B) library</answer>",
    "(B)",
    "[B]",
    "B.",
    "B)",
    "B:",
    "**B**",
    "**B.**",
    "**(B)**",
    "`B`",
    "B) library",
    "B. library",
    "(B) library",
    "**B. library**",
    "**B) Library.**",
    "Answer: B",
    "answer: b",
    "ANSWER: B",
    "**Answer:** B",
    "**Answer: B**",
    "**Answer**: B",
    "Answer: (B)",
    "Answer: **B**",
    "Answer: B) library",
    "Answer - well.\nAnswer: B",
    "Final Answer: B",
    "### Final Answer\nB. library",
    "Final answer: **(B) library**",
    "The answer is B",
    "The answer is (B).",
    "The answer is **B**.",
    "The correct answer is: B",
    "The correct answer is option B.",
    "The best choice is B, since it lends books.",
    "Option B",
    "Option B is right.",
    "I choose option (B)",
    "My answer is B because a park has none.",
    r"\boxed{B}",
    r"$\boxed{B}$",
    r"\boxed{\text{B}}",
    r"\boxed{(B)}",
    r"\boxed{library}",
    r"So the result is \boxed{B}, not a park.",
    r"\boxed{\textbf{B}}",
    "library",
    "Library.",
    "a library",
    "The answer is library.",
    "The answer is a library",
    "Answer: **library**",
    "It is the library.",
    "It would be a LIBRARY!",
    "The correct answer is **B**: library, not the park.",
    "**B**\n\nA library lends books, unlike a park.",
    "The answer is A. No, the answer is B.",
    "Answer: A\n\nWait.\n\nAnswer: B",
    r"\boxed{A} was wrong. \boxed{B}",
    "Answer: C\n\nOn reflection: \\boxed{B}",
    "(A) bank - no. (B) library - yes! (C) park - no.\n\nAnswer: B",
    "A) no\nB) yes\nC) no\n\nThe answer is B.",
    "Option A is wrong. Option B is right.",
    "Option A is not it, but the answer is B",
    "Q?\n(A) bank\n(B) library\n\nThe answer is B",
    "Q?\n\n(B) library",
    "I think of a park. But no: library",
]
OTHERS = [
    ("A", "A"),
    ("(A)", "A"),
    ("A.", "A"),
    ("**A**", "A"),
    ("The answer is A.", "A"),
    ("A dog", "E"),
    ("a dog", "E"),
    ("The answer is a dog.", "E"),
    ("The answer is car park", "D"),
    ("the car park", "D"),
    ("A. bank", "A"),
    ("It is A.", "A"),
    ("Answer: a", "A"),
    ("Answer: A bank", "A"),
    ("Answer: A dog", "E"),
]
NONE = [
    "Answer: B or C",
    "The answer is (B) or (C).",
    r"\boxed{B and C}",
    "",
    " ",
    "I do not know.",
    "A cat.",
    "I",
    "I am B2B",
    "A",
    "Answer: F",
    "Answer: none",
    "The answer is not B.",
    "The answer is unclear",
    "A library or a park",
    "A library lends books, unlike a park.",
    "(A) bank (B) library (C) park",
    "(A) bank\n(B) library\n(C) park",
    "A. bank\nB. library",
    "either (B) or (C)",
    "Plan B failed",
    "vitamin C and hepatitis B",
    "Option B is wrong.",
    "librarybank",
    "parking",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_states_a_choice(text: str) -> None:
    assert parse_choice(text, "Q?", CHOICES) == "B"


@pytest.mark.parametrize(("text", "label"), OTHERS)
def test_letters_that_are_words(text: str, label: str) -> None:
    assert parse_choice(text, "Q?", CHOICES) == label


@pytest.mark.parametrize("text", [text for text in NONE if text != "A"])
def test_what_settles_on_nothing(text: str) -> None:
    assert parse_choice(text, "Q?", CHOICES) is None


FORMS = [
    "Answer: {}",
    "**{}**",
    "\\boxed{{{}}}",
    "Final Answer: {}",
    "The answer is ({}).",
    "**Answer: {}**",
    "Answer: **{}**",
    "The correct choice is {}.",
]


@given(st.lists(st.tuples(st.sampled_from(FORMS), st.sampled_from("ABCDE")), min_size=1, max_size=4))
def test_the_last_of_several_statements_counts(statements: list[tuple[str, str]]) -> None:
    text = "\n\nBut wait.\n\n".join(form.format(label) for form, label in statements)
    assert parse_choice(text, "Q?", CHOICES) == statements[-1][1]


@given(st.text(alphabet="ABab ().:*\\boxed{}answerisoption\n-'", max_size=80))
def test_any_text_settles_on_a_choice_or_none(text: str) -> None:
    assert parse_choice(text, "Q?", CHOICES) in {None, *CHOICES}


@given(
    st.sampled_from(["cat", "child", "person", "hat"]),
    st.sampled_from(["A {} ran.", "I saw a {}.", "A {}", "Is it a {}? I wonder."]),
)
def test_an_article_is_no_choice(noun: str, sentence: str) -> None:
    assert parse_choice(sentence.format(noun), "Q?", CHOICES) is None


def test_long_texts_take_no_time_of_their_square() -> None:
    for text in ("answer: ", "**B", "\\boxed{", "(A) ", "library "):
        parse_choice(text * 20_000, "Q?", CHOICES)
