"""Records as training rows."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Image, Message
from stages.core.records import Record, Rejected, Source, Turn, user_text
from stages.training.training_rows import Row, assemble


def record(instruction: str = "Say hi.", response: str = "Hi.", **changes: object) -> Record:
    source = Source(reference="path:x", row=0, sha256="0" * 64, licence="Apache-2.0", language="en")
    made = Record("x-1", "x", instruction, "", response, "", source)
    return msgspec.structs.replace(made, **changes)


def talk(made: Record) -> list[tuple[str, str]]:
    [(kind, row)] = assemble([made])
    assert kind == "rows" and isinstance(row, Row)
    return [(message.role, message.content) for message in row.messages]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (record(), [("user", "Say hi."), ("assistant", "Hi.")]),
        (record(input="To Ann."), [("user", "Say hi.\n\nTo Ann."), ("assistant", "Hi.")]),
        (record(system="Be brief."), [("system", "Be brief."), ("user", "Say hi."), ("assistant", "Hi.")]),
        (record(system=" \n"), [("user", "Say hi."), ("assistant", "Hi.")]),
        (record(response="\n  Hi.\n\n"), [("user", "Say hi."), ("assistant", "Hi.")]),
        (
            record(history=(Turn("One?", "1 "), Turn("Two?", "2"))),
            [("user", "One?"), ("assistant", "1"), ("user", "Two?"), ("assistant", "2"),
             ("user", "Say hi."), ("assistant", "Hi.")],
        ),
    ],
)  # fmt: skip
def test_row_has_turns_in_order_and_no_empty_system(made: Record, expected: list[tuple[str, str]]) -> None:
    assert talk(made) == expected


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (record(image="000000000101.jpg"), "image"),
        (record(response=""), "no-response"),
        (record(response=" \n\t"), "no-response"),
        (record(history=(Turn("One?", ""),)), "no-response"),
        (record(instruction="  "), "no-instruction"),
        (record(history=(Turn("", "1"),)), "no-instruction"),
    ],
)
def test_what_cannot_train_is_rejected_with_its_reason(made: Record, reason: str) -> None:
    [(kind, rejected)] = assemble([made])
    assert kind == "rejected" and isinstance(rejected, Rejected)
    assert (rejected.id, rejected.reason) == (made.id, reason)
    assert msgspec.convert(rejected.row, Record) == made


texts = st.text(max_size=20)


@given(st.lists(st.tuples(texts, texts, texts, st.lists(st.tuples(texts, texts), max_size=2)), max_size=6))
def test_count_in_is_count_out_and_text_is_kept(raw: list[tuple[str, str, str, list[tuple[str, str]]]]) -> None:
    records = [
        record(f"q{instruction}", response, input=given_input, history=tuple(Turn(*turn) for turn in history))
        for instruction, response, given_input, history in raw
    ]
    made = list(assemble(records))
    assert len(made) == len(records)
    for before, (_, after) in zip(records, made, strict=True):
        if isinstance(after, Row):
            assert after.messages[-2] == Message("user", user_text(before))
            assert after.messages[-1].content == before.response.strip() != ""


def test_a_picture_is_shown_in_the_last_turn_where_pictures_are_to_be_had() -> None:
    made = record(image="42.jpg", system="Be brief.", history=(Turn("One?", "1"),))
    asked = []

    def look(whose: str, name: str) -> Image:
        asked.append((whose, name))
        return Image("ab", f"pictures/{name}")

    [(kind, row)] = assemble([made], look)
    assert kind == "rows" and isinstance(row, Row)
    assert asked == [("row x-1", "42.jpg")]
    assert [len(message.images) for message in row.messages] == [0, 0, 0, 1, 0]
    assert row.messages[3].images == (Image("ab", "pictures/42.jpg"),)


def test_rows_without_pictures_are_written_as_ever() -> None:
    [(_, row)] = assemble([record()], lambda whose, name: Image("ab", name))
    assert msgspec.json.encode(row) == (
        b'{"id":"x-1","messages":[{"role":"user","content":"Say hi."},{"role":"assistant","content":"Hi."}]}'
    )
