"""The benchmark of verified sequences: rows become questions, answers are graded task by task, edited rows refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question
from stages.verified.sequence_generation import Settings, sequences
from stages.verified.verified_rows import Verified

ROWS = list(sequences(9, 60, Settings(lengths=(1, 2, 3, 4), languages=("en", "de", "es"), types="all", wordings="all")))


def questions(rows: list[Verified]) -> list[Question]:
    data = b"\n".join(map(msgspec.json.encode, rows))
    return list(BENCHMARKS["verified"].read({"verified.jsonl": data}, [], "Apache-2.0", {}))  # type: ignore[arg-type]


def test_each_row_is_a_question_that_its_right_response_answers() -> None:
    all_questions = questions(ROWS)
    assert [question.tasks for question in all_questions] == [len(row.checks) for row in ROWS]
    assert len({question.id for question in all_questions}) == len(ROWS)
    for question, row in zip(all_questions, ROWS, strict=True):
        assert set(BENCHMARKS["verified"].grade(question, row.response).values()) == {1.0}  # type: ignore[misc]
        assert set(BENCHMARKS["verified"].grade(question, "").values()) == {0.0}  # type: ignore[misc]


@given(st.integers(0, len(ROWS) - 1), st.data())
def test_a_row_with_an_answer_that_its_task_does_not_have_is_refused(number: int, data: st.DataObject) -> None:
    row = ROWS[number]
    place = data.draw(st.integers(0, len(row.checks) - 1))
    checks = list(row.checks)
    checks[place] = msgspec.structs.replace(checks[place], answer=checks[place].answer + "9")
    with pytest.raises(UserError, match=r"verified\.jsonl.*row 1|verified\.jsonl: row 0"):
        questions([msgspec.structs.replace(row, checks=tuple(checks))])


@pytest.mark.parametrize(
    "change", [{"task": "words.unknown"}, {"source": 7}, {"arguments": {"letter": 1, "x": 2}}, {"task": "date.year"}]
)
def test_a_row_whose_tasks_cannot_be_computed_is_refused(change: dict) -> None:
    row = next(row for row in ROWS if row.input_type == "words")
    check = msgspec.structs.replace(row.checks[0], **change)
    with pytest.raises(UserError, match="can't be computed"):
        questions([msgspec.structs.replace(row, checks=(check, *row.checks[1:]))])
