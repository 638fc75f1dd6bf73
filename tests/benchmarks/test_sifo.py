"""SIFo: numbered instructions in one prompt, graded step by step by the published rule and a strict one."""

import json
from pathlib import Path

import pytest

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS, sifo
from stages.evaluation.benchmarks.questions import Question, user_text

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sifo"
MATH = {"id": 1, "instruction_1": "Add 2 and 3.", "answer_1": "5", "instruction_2": "Double it.", "answer_2": "1,000"}
QA = {
    "id": 2, "context": "The cat sat.", "instruction_1": "Who sat?", "answer_1": "the cat",
    "instruction_2": "Change it to a dog.", "answer_2": "The dog sat.", "instruction_3": "Who sat?", "answer_3": "dog",
}  # fmt: skip


def read(**files: list[dict]) -> list[Question]:
    contents = {f"{name}.jsonl": "\n".join(map(json.dumps, rows)).encode() for name, rows in files.items()}
    return list(BENCHMARKS["sifo"].read(contents, [], "unknown", {}))  # type: ignore[arg-type]


def grade(question: Question, text: str) -> dict[str, float]:
    rule = BENCHMARKS["sifo"].grade
    assert rule is not None
    return rule(question, text)


def test_a_row_becomes_one_prompt() -> None:
    question = read(qa=[QA])[0]
    assert question.instruction.endswith("1. Who sat?\n2. Change it to a dog.\n3. Who sat?")
    assert (question.input, question.group, question.tasks) == ("The cat sat.", "qa", 3)
    assert question.gold == ("the cat", "The dog sat.", "dog")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("1. the cat\n2. The dog sat.\n3. dog", (1, 1, 1, 1, 1)),
        ("1. It was a cat!\n2. The dog sat.\n3. The dog", (1, 1, 1, 1, 2 / 3)),
        ("1. the cat\n2. The cat sat.\n3. dog", (1, 2 / 3, 1, 1 / 3, 2 / 3)),
        ("1. the cat\n2. The dog sat.", (0, 2 / 3, 0, 2 / 3, 2 / 3)),
        ("the cat\nThe dog sat.\ndog", (1, 1, 1, 1, 1)),
        ("", (0, 0, 0, 0, 0)),
        ("1.\n2.\n3.", (0, 0, 0, 0, 0)),
        ("dog", (0, 0, 0, 0, 0)),
    ],
)
def test_steps_are_graded(reply: str, expected: tuple[float, ...]) -> None:
    values = grade(read(qa=[QA])[0], reply)
    names = ("following", "accuracy", "instance", "depth", "strict")
    assert tuple(values[name] for name in names) == pytest.approx(expected)


def test_mathematics_ignores_commas_and_containment_inflates() -> None:
    question = read(math=[MATH])[0]
    assert grade(question, "1. 2 + 3 = 5\n2. $1000") == {
        "following": 1, "accuracy": 1, "instance": 1, "depth": 1, "strict": 1,
    }  # fmt: skip
    inflated = grade(question, "1. 50\n2. 31000")
    assert (inflated["accuracy"], inflated["strict"]) == (1, 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1}], "needs id, instruction_1 and answer_1"),
        ([{**MATH, "answer_2": ""}], "row 0: instruction_2 and answer_2"),
        ([MATH, {**MATH, "answer_1": 7}], "row 1: instruction_1 and answer_1"),
    ],
)
def test_a_row_that_is_none_is_named(rows: list[dict], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(math=rows)
    with pytest.raises(UserError, match=r"none of math\.jsonl"):
        read(other=rows)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here")
def test_the_published_rows() -> None:
    files = {path.name: path.read_bytes() for path in SHARED.glob("*.jsonl")}
    questions = list(BENCHMARKS["sifo"].read(files, [], "unknown", {}))
    assert len(questions) == 800 and len({question.id for question in questions}) == 800  # type: ignore[union-attr]
    foreign = 0
    for question, other in zip(questions, [*questions[1:], questions[0]], strict=True):
        assert isinstance(question, Question) and isinstance(other, Question)
        reply = "\n".join(f"{n}. {answer}" for n, answer in enumerate(question.gold, 1))
        assert set(grade(question, reply).values()) == {1.0}, question.id
        assert set(grade(question, "").values()) == {0.0}
        wrong = "\n".join(f"{n}. {answer}" for n, answer in enumerate(other.gold, 1))
        foreign += grade(question, wrong)["strict"] == 1
    assert foreign < 8  # neighbours of which every answer is equal


@pytest.mark.parametrize("more", [{"instruction_3": "i", "answer_3": "a"}, {"answer_2": "a"}])
def test_a_step_after_a_gap_is_an_error(more: dict[str, str]) -> None:
    row = {"id": 1, "context": "c", "instruction_1": "i", "answer_1": "a"}
    padded = {"math.jsonl": json.dumps({**row, "instruction_2": None, "answer_2": None}).encode()}
    assert [question.tasks for question in sifo.questions(padded, [], "other", {})] == [1]
    with pytest.raises(UserError, match=f"row 0: {next(iter(more))} is beyond step 1"):
        list(sifo.questions({"math.jsonl": json.dumps(row | more).encode()}, [], "other", {}))


def test_a_copy_of_the_instructions_follows_nothing() -> None:
    question = read(qa=[QA])[0]
    assert grade(question, user_text(question))["following"] == 0.0
    assert grade(question, "1. Who sat?\n2. The dog sat.\n3. dog")["following"] == 0.0
    assert grade(question, "1. a mouse\n2. The dog sat.\n3. dog")["following"] == 1.0


def test_each_step_has_its_own_accuracy() -> None:
    steps = BENCHMARKS["sifo"].grade_steps
    assert steps is not None
    marks = [values["accuracy"] for values in steps(read(qa=[QA])[0], "1. a mouse\n2. The dog sat.\n3. dog")]
    assert marks == [0.0, 1.0, 1.0]
