"""`validate` reports rows that later stages would refuse; a row with a NUL character is set aside."""

import msgspec
import pytest

from stages.core.errors import UserError
from stages.core.records import Record, Source
from stages.evaluation.benchmarks.questions import Answer, Question
from stages.evaluation.calibration.human_labels import CheckedLabel
from stages.response_filter.preference_pairs import PreferencePair
from stages.training.training_rows import Row
from stages.validation import row_schema
from stages.validation.row_validation import validate_rows
from stages.validation.suites import Expectation, Suite

ANY = Suite("any", (Expectation("expect_column_values_to_not_be_null", {"column": "id"}, "critical"),))
SOURCE = Source(reference="path:x", row=0, sha256="0" * 64, licence="Apache-2.0", language="en")
RECORD = Record(id="x-0", corpus="x", instruction="Say.", input="", response="Hi.", system="", source=SOURCE)
ANSWER = Answer("q/0", "q", "it", "Hi.", "ok", 0, "", "m", 1, 1)
ROWS = {
    "responded/seed/0": RECORD,
    "ingested/seed": RECORD,
    "ingested/benchmarks/xquad": Question("q", "xquad", "de", "Apache-2.0", "1", "Say."),
    "predictions/it/xquad": ANSWER,
    "formatted/it": Row("x-0", ()),
}


def judged(artifact: str, *rows: bytes, limit: float = 1.0) -> dict[str, list[str]]:
    return validate_rows(enumerate(rows, 1), ANY, "data/x.jsonl", "schemas/any.json", limit, artifact).quarantined


@pytest.mark.parametrize("artifact", ROWS)
def test_rows_of_every_kind_pass_and_foreign_fields_do_not(artifact: str) -> None:
    line = msgspec.json.encode(ROWS[artifact])
    assert judged(artifact, line) == {}
    with pytest.raises(UserError, match=r"x\.jsonl:2: .*unknown field .extra.; correct or remove this line"):
        judged(artifact, line, line[:-1] + b',"extra":1}')
    with pytest.raises(UserError, match=r"x\.jsonl:1: "):
        judged(artifact, b"[]")


def test_fields_within_fields_and_fields_that_no_expectation_reads_count() -> None:
    line = msgspec.json.encode(RECORD)
    for change, message in ((b'"row":"0"', "Expected `int`"), (b'"row":0,"rows":1', "unknown field `rows`")):
        with pytest.raises(UserError, match=message):
            judged("responded/seed/0", line.replace(b'"row":0', change))


def test_the_fields_are_those_of_the_rooms() -> None:
    kinds = {"ingested/benchmarks/": Question, "predictions/": Answer, "formatted/": Row,
             "labels/": CheckedLabel}  # fmt: skip
    assert {folder: tuple(fields.split()) for folder, fields in row_schema.FIELDS.items()} == {
        folder: kind.__struct_fields__ for folder, kind in kinds.items()
    }


def test_the_fields_of_pairs_are_those_of_the_filter() -> None:
    more = set(PreferencePair.__struct_fields__) - set(Record.__struct_fields__)
    assert more == set(row_schema.PAIR_FIELDS)
    line = msgspec.json.encode(RECORD)
    pair = line[:-1] + b',"declined":"x","declined_reason":"check","declined_reply":""}'
    judged("filtered/seed.pairs", pair)
    for name, refused in (("filtered/seed", pair), ("filtered/seed.pairs", line)):
        with pytest.raises(UserError, match="declined"):
            judged(name, refused)


def test_a_nul_character_sets_a_row_aside_wherever_it_is() -> None:
    record = msgspec.structs.replace
    rows = [
        record(RECORD, id="a", response="\0"),
        record(RECORD, id="b", response="\\u0000"),
        record(RECORD, id="c", source=record(SOURCE, reference="a\0")),
        record(RECORD, id="d"),
    ]
    lines = list(map(msgspec.json.encode, rows))
    assert judged("responded/seed/0", *lines) == {"a": [row_schema.NUL], "c": [row_schema.NUL]}
    with pytest.raises(UserError, match="2 of 4 rows would be set aside"):
        judged("responded/seed/0", *lines, limit=0.1)


def test_an_answer_is_scored_whatever_characters_it_holds() -> None:
    assert judged("predictions/it/xquad", msgspec.json.encode(msgspec.structs.replace(ANSWER, text="\0"))) == {}
