"""Rows of the user's own: fields inside of fields and lists, what is absent, and values that are no text."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stages.core.errors import UserError
from stages.core.records import Record, ResponseCheck
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.read_records import Origin, read
from stages.readers.formats import Raw

ORIGIN = Origin("mine", "path:x.json", "Apache-2.0", "en")


def responses(field: str, *values: dict[str, Any]) -> list[str]:
    raws = [Raw({"q": "Q", **row}, number, "", f"x.json, row {number}") for number, row in enumerate(values)]
    items = list(read("own", raws, ORIGIN, {"instruction": "q", "response": field}))
    assert all(isinstance(item, Record) for item in items)
    return [item.response for item in items if isinstance(item, Record)]


CHOICES = {"choices": [{"text": "A"}, {"text": "B"}]}


@pytest.mark.parametrize(
    ("field", "row", "expected"),
    [
        ("choices.0.text", CHOICES, "A"), ("choices.-1.text", CHOICES, "B"), ("a.0", {"a": {"0": "x"}}, "x"),
        ("a.0", {"a.0": "x", "a": ["y"]}, "x"), ("a.text", {"a": None}, ""), ("a.0.b", {"a": [None]}, ""),
        ("answers.text", {"answers": {"text": ["Ann"]}}, "Ann"), ("answers.text", {"answers": {"text": []}}, ""),
        ("a", {"a": 4}, "4"), ("a", {"a": -0.5}, "-0.5"), ("a", {"a": True}, "true"),
        ("a", {"a": Decimal("1.10")}, "1.10"), ("a", {"a": date(2024, 1, 2)}, "2024-01-02"),
        ("a", {"a": datetime(2024, 1, 2, 3, 4, tzinfo=UTC)}, "2024-01-02T03:04:00+00:00"),
        ("a", {"a": float("nan")}, ""), ("a", {"a": 10**30}, "1" + "0" * 30), ("a", {"a": None}, ""),
    ],
)  # fmt: skip
def test_the_text_of_a_field(field: str, row: dict[str, Any], expected: str) -> None:
    assert responses(field, row) == [expected]


def test_a_field_that_some_rows_lack_is_empty_there() -> None:
    assert responses("a", {"a": "x"}, {}, {"b": 1}) == ["x", "", ""]
    assert responses("a.0", {}, {"a": []}, {"a": ["x"]}) == ["", "", "x"]


@pytest.mark.parametrize(
    ("field", "row", "message"),
    [
        ("b", {"a": "x"}, "x.json, row 0: no field 'b' (it has: 'q', 'a')"),
        ("a.1", {"a": ["x"]}, "no field 'a.1'"),
        ("a.b", {"a": ["x"]}, "no field 'a.b'"),
        ("a", {"a": ["x", "y"]}, "field 'a' is a list of 2; name one of it in `fields`: a.0"),
        ("a", {"a": {"text": "x"}}, "field 'a' holds {'text': 'x'} and not text"),
        ("a", {"a": [["x"]]}, "field 'a' holds ['x'] and not text"),
    ],
)
def test_a_field_that_no_row_has_or_that_is_no_text_is_told(field: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        responses(field, row)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_key_of_params_is_named_with_the_field_that_was_meant() -> None:
    with pytest.raises(UserError) as error:
        list(read("own", [Raw({"task_text": "Q"}, 0, "", "r.json, row 0")], ORIGIN, {"instruction": "task_txt"}))
    assert f"ingest.corpora.{ORIGIN.corpus}.fields.instruction names; did you mean 'task_text'?" in str(error.value)


def test_a_list_of_one_is_counted_as_a_repair() -> None:
    stats = IngestStats()
    list(read("own", [Raw({"q": ["Q"]}, 0, "", "row 0")], ORIGIN, {"instruction": "q"}, stats))
    assert stats.repairs() == "rows repaired: a list of one text read as that text in 1"


def test_a_row_without_the_instruction_is_told_at_once() -> None:
    with pytest.raises(UserError, match="row 1: no field 'q'"):
        list(
            read("own", [Raw({"q": "Q"}, 0, "", "row 0"), Raw({"a": 1}, 1, "", "row 1")], ORIGIN, {"instruction": "q"})
        )


CHECK = {"name": "words.at_most", "arguments": {"n": 3}}
TASK = {"task": "words.count", "arguments": {}, "source": 0, "type": "number", "answer": "3"}


def checks_of(value: Any) -> Any:
    (record,) = read(
        "own", [Raw({"q": "Q", "c": value}, 0, "", "x.json, row 0")], ORIGIN, {"instruction": "q", "checks": "c"}
    )
    assert isinstance(record, Record)
    return record.checks


def test_checks_are_read_and_tasks_of_a_verified_sequence_are_one_check() -> None:
    assert checks_of([CHECK]) == (ResponseCheck("words.at_most", {"n": 3}),)
    assert checks_of([TASK, TASK]) == (ResponseCheck("tasks", {"tasks": [TASK, TASK]}),)
    assert checks_of(None) is checks_of([]) is msgspec.UNSET


@pytest.mark.parametrize(
    "value", ["x", 1, [1], [{"name": "words.most", "arguments": {}}], [CHECK | {"code": "x"}], [{"task": 1}]]
)
def test_checks_that_are_none_are_refused_by_row(value: Any) -> None:
    with pytest.raises(UserError, match=r"x\.json, row 0: field 'c'.*correct the row"):
        checks_of(value)
