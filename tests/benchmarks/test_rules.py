"""The rules that grade: the paper's as the authors had them, ours beside them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.benchmarks import multiple_choice, number_rules, xquad
from stages.evaluation.benchmarks.questions import Question
from stages.evaluation.metrics.rouge import common_subsequence, exceeds_l, rouge_1, rouge_l

TEXT = st.text(alphabet="ab12 .:\n,-$", max_size=40)


@pytest.mark.parametrize(
    ("text", "gold", "paper", "strict"),
    [
        ("answer: 308", "308", True, True),
        ("the answer is: 308 points", "308", True, True),
        ("", "308", True, False),  # the authors count an empty answer as right
        ("answer: 30", "308", True, False),  # and one that is part of the right one
        ("answer: 3080", "308", True, False),
        ("308 points", "308", True, True),
        ("result: 5\nanswer: 308", "5", True, False),  # the first marker against the last
        ("answer: 5. no, the answer is 308", "308", True, True),
        ("answer: 308. no, answer: 5", "308", True, False),
        ("it says 308.\n\nthe question is: how many?", "308", True, False),  # a translation is no answer
        ("no idea", "308", False, False),
        ("answer: die panthers", "panthers", True, True),
        ("answer: 日本 won", "日本", True, True),
    ],
)
def test_xquad(text: str, gold: str, paper: bool, strict: bool) -> None:
    assert (xquad.paper_rule(text, [gold]), xquad.strict_rule(text, [gold])) == (paper, strict)


def test_xquad_any_gold_answer_will_do() -> None:
    assert xquad.strict_rule("answer: two", ["2", "two"])


@given(st.lists(st.sampled_from(["answer:", "answer is", "result:", " ", "\n", "ab", "12", "."])).map("".join), TEXT)
def test_strict_is_strict(text: str, gold: str) -> None:
    if gold.strip() and xquad.strict_rule(text, [gold.strip()]):
        one, other = (" ".join(xquad.folded(each).split()) for each in (text, gold))
        assert xquad.paper_rule(one, [other])


@pytest.mark.parametrize(
    ("text", "gold", "strict"),
    [
        ("Answer: ３０８", "308", True), ("ANSWER: the\u00a0Panthers", "the Panthers", True),
        ("answer: the \n Panthers", "the Panthers", True), ("answer: Beyonce\u0301", "Beyonc\u00e9", True),
        ("answer: Beyonce", "Beyonc\u00e9", False), ("answer: 10\u201320", "10-20", True),
        ("answer: \u201cfree\u201d", '"free"', True), ("answer: Luther\u2019s", "Luther's", True),
        ("answer: \ufb01rst", "first", True), ("answer: STRASSE", "Stra\u00dfe", True),
        ("answer: Pan\u00adthers", "panthers", True),
        ("answer: \u200b308\u200b", "308", True), ("Answer\uff1a308", "308", True), ("answer: 3080", "308", False),
        ("It says 308.\r\nNo.", "308", False), ("answer:", "308", False), ("answer: 308", " ", False),
    ],
)  # fmt: skip
def test_the_strict_rule_folds_what_looks_alike(text: str, gold: str, strict: bool) -> None:
    assert xquad.strict_rule(text, [gold]) == strict


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", set()), (" \n\u3000", set()), ("Answer:", {"following"}), ("Answer: ", {"following"}),
        ("Answer: 308\nAnswer:", {"accuracy", "following"}), ("308", {"accuracy", "strict", "following"}),
    ],
)  # fmt: skip
def test_an_answer_without_a_text_is_unscored_under_both_rules(text: str, values: set[str]) -> None:
    question = Question("x", "xquad", "de", "x", "x", "i", gold=("308",), reference="r")
    assert xquad.grade(question, text).keys() == values
    assert xquad.rules(question, text).keys() == {"accuracy", "strict", "following"}


@pytest.mark.parametrize(
    ("text", "gold", "paper", "strict"),
    [
        ("The answer is 18.", "18", True, True),
        ("so $70,000 in all", "70000", True, True),
        ("in all 2,125", "2,125", True, True),
        ("4.8 grams", "48", True, False),  # the authors drop punctuation, the decimal point too
        ("18.00", "18", False, True),
        ("a loss of -$10", "10", True, False),
        ("a loss of \u221210", "-10", True, True),
        ("16-3", "3", True, True),
        ("(2)-3", "3", True, True),
        ("no number", "18", False, False),
        ("", "18", False, False),
        ("১৮", "18", False, True),
        (".5", "0.5", False, True),
    ],
)
def test_numbers(text: str, gold: str, paper: bool, strict: bool) -> None:
    assert (number_rules.paper_rule(text, gold), number_rules.strict_rule(text, gold)) == (paper, strict)


@given(st.integers(-(10**6), 10**6), TEXT)
def test_the_last_number_counts(number: int, before: str) -> None:
    assert number_rules.last_number(f"{before} : {number} apples") == number


@given(st.text())
def test_any_text_has_a_number_or_none(text: str) -> None:
    number_rules.last_number(text)


@pytest.mark.parametrize(
    ("text", "reference", "one", "longest"),
    [
        ("the cat sat", "the cat sat", 1.0, 1.0),
        ("sat cat the", "the cat sat", 1.0, 1 / 3),
        ("the the the cat", "the cat", 1.0, 1.0),  # a word counts once
        ("the dog", "the cat", 0.5, 0.5),
        ("猫 坐", "猫 跑", 0.5, 0.5),  # every script counts
        ("a b. c d", "a b c d", 1.0, 1.0),  # the parts of a sentence add up
        ("", "the cat", 0.0, 0.0),
        ("the cat", "", 0.0, 0.0),
        ("...", "...", 0.0, 0.0),
    ],
)
def test_rouge(text: str, reference: str, one: float, longest: float) -> None:
    assert rouge_1(text, reference) == pytest.approx(one)
    assert rouge_l(text, reference) == pytest.approx(longest)


@given(TEXT, TEXT)
def test_rouge_bounds(text: str, reference: str) -> None:
    assert 0 <= rouge_l(text, reference) <= rouge_1(text, reference) <= 1
    for threshold in (0.0, 0.5, 0.9):
        assert exceeds_l(text, reference, threshold) == (rouge_l(text, reference) > threshold)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_common_subsequence_is_common_and_longest(left: list[str], right: list[str]) -> None:
    common = common_subsequence(left, right)
    assert is_within(common, left) and is_within(common, right)
    assert len(common) == max(len(part) for part in parts(left) if is_within(part, right))


def is_within(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(item in rest for item in part)


def parts(items: list[str]) -> list[list[str]]:
    return [[]] if not items else [q for p in parts(items[1:]) for q in (p, [items[0], *p])]


CHOICES = {"A": "bank", "B": "library", "C": "mall"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The answer is (B) library.", "B"),
        ("answer: C", "C"),
        ("(A)", "A"),
        ("B", "B"),
        ("B. library", "B"),
        ("It is a library, not a bank, so: library", "B"),
        ("The answer is A. No, the answer is C.", "C"),
        ("What?\n(A) bank\n(B) library\n(C) mall", None),  # a repetition settles on nothing
        ("What?\n(A) bank\n(B) library\n(C) mall\n\nThe answer is bank.", "A"),
        ("A bank it is", "A"),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_commonsenseqa_choice(text: str, label: str | None) -> None:
    assert multiple_choice.parse_choice(text, "What?\n(A) bank\n(B) library\n(C) mall", CHOICES) == label
