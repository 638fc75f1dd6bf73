"""The benchmark of constraints: rows with checks become questions, others are rejected, faulty checks refused."""

import msgspec
import pytest
from msgspec.structs import replace

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, ResponseCheck, Turn
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question
from tests.seqinstruct.models import record

CHECKS = (ResponseCheck("case.upper"), ResponseCheck("words.at_most", {"n": 3}))
ROW = replace(record("Name a lake. Use capital letters.", input="Lakes"), checks=CHECKS)


def read(*rows: Record) -> list[Question | Rejected]:
    data = b"\n".join(map(msgspec.json.encode, rows))
    return list(BENCHMARKS["constraints"].read({"2.jsonl": data}, [], "Apache-2.0", {}))


def test_a_row_with_checks_is_a_question() -> None:
    (question,) = read(ROW)
    assert isinstance(question, Question)
    assert (question.instruction, question.input, question.group, question.tasks) == (ROW.instruction, "Lakes", "2", 2)
    grade = BENCHMARKS["constraints"].grade
    assert grade is not None
    assert grade(question, "LAKE COMO") == {"instruction_level": 1.0, "prompt_level": 1.0}
    assert grade(question, "Lake Como") == {"instruction_level": 0.5, "prompt_level": 0.0}
    assert grade(question, "") == {"instruction_level": 0.0, "prompt_level": 0.0}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (record("Name a lake."), "no-checks"),
        (replace(ROW, checks=()), "no-checks"),
        (replace(ROW, system="Be brief."), "conversation"),
        (replace(ROW, history=(Turn("Hello", "Hello"),)), "conversation"),
        (replace(ROW, image="lake.png"), "conversation"),
    ],
)
def test_other_rows_are_rejected_with_a_reason(row: Record, reason: str) -> None:
    (rejected,) = read(row)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


@pytest.mark.parametrize("check", [ResponseCheck("words.most"), ResponseCheck("words.at_most", {"n": "3"})])
def test_checks_that_are_none_are_refused_by_row(check: ResponseCheck) -> None:
    with pytest.raises(UserError, match=r"2\.jsonl:2: .*check"):
        read(ROW, replace(ROW, checks=(check,)))
