"""CommonsenseQA: what an answer settles on, and whether it did the first task, by hand."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.commonsenseqa import CHAINS
from stages.evaluation.benchmarks.multiple_choice import parse_choice
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.benchmarks.sampling import select_items
from stages.evaluation.benchmarks.scoring import Graders, evaluate
from tests.benchmarks.test_scoring import idle, nobody

ROOT = Path(__file__).resolve().parents[2]
WORDING = {"repeat": "First repeat the input, then", "paraphrase": "First paraphrase the input, then"}
SHARED = ROOT.parent / "shared" / "data" / "commonsenseqa"
CHOICES = {"A": "park", "B": "car park", "C": "bank", "D": "river bank", "E": "a"}
ASKED = "Where do you leave a car?\n(A) park\n(B) car park\n(C) bank\n(D) river bank\n(E) a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", "B"), ("(B)", "B"), ("B.", "B"), ("B) car park", "B"), ("car park", "B"), ("Car Park.", "B"),
        ("The answer is (B) car park.", "B"), ("The correct choice: D", "D"), ("answer is B", "B"),
        ("Not A. The answer is C", "C"), ("The answer is A. No, the answer is B.", "B"), ("option is: E", "E"),
        (f"{ASKED}\n\nThe answer is (C).", "C"), (f"{ASKED}\n\ncar park", "B"), (ASKED, None),
        ("In a car park, never on a river bank... but in the bank", "C"), ("", None), ("I don't know", None),
        ("Answer: F", None), ("the river bank", "D"),
    ],
)  # fmt: skip
def test_the_last_statement_counts(text: str, expected: str | None) -> None:
    assert parse_choice(text, ASKED, CHOICES) == expected


def questions(count: int | None = None) -> list[Question]:
    path = ROOT / "data" / "seeds" / "commonsenseqa" / "dev.jsonl"
    all_questions = BENCHMARKS["commonsenseqa"].read({path.name: path.read_bytes()}, [], "Apache-2.0", WORDING)
    return [q for q in select_items(all_questions, None, 1, first=count) if isinstance(q, Question)]


@pytest.mark.parametrize(
    ("choices", "key"), [(["A", "B"], "C"), (["A", "B", "C"], "A")], ids=["another answer", "another number of labels"]
)
def test_an_answer_that_is_none_of_the_choices(choices: list[str], key: str) -> None:
    row = {"id": "q1", "question": "Who?", "choices": {"label": choices, "text": ["x", "y"]}, "answerKey": key}
    with pytest.raises(UserError, match=r"^dev\.jsonl: question q1: the answer is none of its choices; correct"):
        list(BENCHMARKS["commonsenseqa"].read({"dev.jsonl": json.dumps(row).encode()}, [], "MIT", WORDING))


def graded(question: Question, text: str) -> dict[str, float]:
    grade = BENCHMARKS["commonsenseqa"].grade
    assert grade is not None
    return grade(question, text)


def test_repeating_the_input_is_following() -> None:
    plain, repeat, paraphrase = questions(1)
    assert ["plain", *CHAINS] == [q.group for q in (plain, repeat, paraphrase)] and plain.tasks == 1
    right = f"{repeat.input}\n\nThe answer is ({repeat.gold[0]})."
    assert graded(repeat, right)["following"] == 1 and graded(repeat, right)["rouge_l"] > 0.9
    short = graded(repeat, f"({repeat.gold[0]})")
    assert (short["accuracy"], short["following"]) == (1, 0) and short["rouge_l"] < 0.2
    assert (short["answered"], short["both"], graded(repeat, right)["both"]) == (1, 0, 1)
    assert graded(repeat, repeat.input) == {"rouge_l": 1, "following": 1, "answered": 0, "both": 0}
    assert graded(plain, plain.input) == {} == graded(plain, "I do not know.")
    assert graded(repeat, "") == {"rouge_l": 0, "following": 0, "answered": 0, "both": 0}
    assert graded(plain, right) == {"accuracy": 1}
    half = " ".join(repeat.input.split()[: len(repeat.input.split()) // 4])
    assert graded(paraphrase, half)["following"] == 0


def test_the_first_rows_are_those_of_the_file() -> None:
    sample = questions(2)
    assert len(sample) == 6 and sample == questions()[:6]
    kept = [q for q in select_items(questions(), 3, 1, first=5) if isinstance(q, Question)]
    assert len(kept) == 9 and {q.item for q in kept} <= {q.item for q in questions(5)}


def test_bertscore_is_only_for_answers_that_have_a_reference() -> None:
    sample = questions(1)
    seen = []

    def resemble(pairs: Iterable[tuple[str, str]]) -> Iterator[float]:
        for text, reference in pairs:
            seen.append((text, reference))
            yield 0.5

    answers = [Answer(f"{q.id}/0", q.id, "it", "(A)", "ok", 0, "r", "m", 1, 1) for q in sample]
    answers.append(Answer("f/0", sample[1].id, "it", "", "failed", 0, "r", "m", 1, 1))
    total = evaluate(sample, answers, Graders(nobody, idle, resemble), [1])[1]
    assert seen == [("(A)", sample[1].input), ("(A)", sample[2].input)]
    assert (total["bertscore"].mean, total["bertscore"].n, total["accuracy"].n) == (0.5, 2, 3)
    assert "bertscore" not in evaluate(sample, answers, Graders(nobody, idle), [1])[1]


@pytest.mark.skipif(not SHARED.exists(), reason="no ../shared: the real CommonsenseQA is not here")
def test_repeating_the_real_questions_settles_nothing_and_naming_the_answer_is_right() -> None:
    (path,) = SHARED.glob("*.jsonl")
    all_questions = BENCHMARKS["commonsenseqa"].read({path.name: path.read_bytes()}, [], "MIT", WORDING)
    kept = [q for q in select_items(all_questions, None, 1, first=100) if isinstance(q, Question)]
    assert len(kept) == 300
    for question in kept:
        label = question.gold[0]
        assert "accuracy" not in graded(question, question.input)
        for text in (label, f"({label})", question.meta[label], f"{question.input}\nThe answer is ({label})"):
            assert graded(question, text)["accuracy"] == 1, (question.id, text)
