"""Responses: who is asked, who keeps what, and why a row is rejected."""

import dataclasses
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.completions import Message, Prompt, Reply
from stages.core.records import Record, Rejected, Step, Turn
from stages.seqinstruct.responses import REASONS, ResponseConfig, conversation, kept_rows, respond_round
from tests.seqinstruct.models import SAMPLING, model, record

WISHES = ResponseConfig(seed=7, round=1, sampling=SAMPLING, attempts=2, keep=("ok", "truncated"))
FROZEN = Step(stage="rewrite", action="hold", status="frozen", round=2)
HELD = Step(stage="rewrite", action="hold", status="ok", round=2)
MADE = Step(stage="respond", action="respond", status="ok", round=1, replies=("r1",), generator="m")


def run(
    rows: list[Record], earlier: list[Record], answer: object, seen: list[Prompt] | None = None
) -> list[tuple[str, object]]:
    return list(respond_round(rows, earlier, model(answer, seen), WISHES))  # type: ignore[arg-type]


def test_round_0_regenerates_every_response() -> None:
    rows = [record("Name a sea.", response="The old one."), record("Name a lake.")]
    done = run(rows, rows, lambda p: f"To: {p.messages[-1].content}")
    assert [(name, row.response) for name, row in done] == [("rows", "To: Name a sea."), ("rows", "To: Name a lake.")]  # type: ignore[attr-defined]


def test_a_frozen_row_keeps_its_response_and_the_step_that_made_it() -> None:
    seen: list[Prompt] = []
    before = record("Name a sea.", MADE, response="The North Sea.")
    ((name, row),) = run([record("Name a sea.", FROZEN)], [before], lambda _: "Other.", seen)
    assert name == "rows" and isinstance(row, Record) and row.response == "The North Sea." and seen == []
    assert row.steps[-1].status == "frozen" and row.steps[-1].replies == ("r1",)


@pytest.mark.parametrize("step", [HELD, Step(stage="rewrite", action="", status="unparsed", round=2)])
def test_a_row_that_becomes_hold_or_failed_is_asked_again(step: Step) -> None:
    before = record("Name a sea.", MADE, response="The North Sea.")
    ((_, row),) = run([record("Name a sea.", step)], [before], lambda _: "The Baltic.")
    assert isinstance(row, Record) and row.response == "The Baltic."


def test_of_earlier_rows_only_the_response_is_held() -> None:
    """Whole records take 3.5 KB each, and a corpus may have a million."""
    earlier = (record(f"{number}{'x' * 50_000}", MADE, response="The North Sea.") for number in range(200))
    tracemalloc.start()
    try:
        next(respond_round([record("Name a sea.")], earlier, model(lambda _: "The Baltic."), WISHES))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_frozen_row_without_an_earlier_response_is_asked() -> None:
    ((_, row),) = run([record("Name a sea.", FROZEN)], [], lambda _: "The Baltic.")
    assert isinstance(row, Record) and row.response == "The Baltic." and row.steps[-1].status == "ok"


@pytest.mark.parametrize(
    ("reply", "reason", "samples"),
    [
        (Reply("", "failed", 0, 0, "HTTP 500"), "failed", [0, 0]),
        (Reply("", "refused", 1, 0, "filter"), "refused", [0, 1]),
        (Reply(" ", "ok", 1, 1), "empty", [0, 1]),
        (Reply("", "thought", 1, 64, "reasoning without an answer"), "thought", [0, 1]),
    ],
)
def test_a_row_without_a_response_is_rejected_with_a_reason(reply: Reply, reason: str, samples: list[int]) -> None:
    seen: list[Prompt] = []
    ((name, row),) = run([record("Name a sea.")], [], lambda _: reply, seen)
    assert name == "rejected" and isinstance(row, Rejected) and row.reason == reason and reason in REASONS
    assert [p.sample for p in seen] == samples and row.row["instruction"] == "Name a sea."


def test_truncated_responses_are_kept_only_where_params_say_so() -> None:
    cut = Reply("The North", "truncated", 1, 64)
    ((name, row),) = run([record("Name a sea.")], [], lambda _: cut)
    assert name == "rows" and isinstance(row, Record) and row.steps[-1].status == "truncated"
    strict = ResponseConfig(7, 1, SAMPLING, 1, ("ok",))
    ((name, out),) = respond_round([record("Name a sea.")], [], model(lambda _: cut), strict)
    assert name == "rejected" and isinstance(out, Rejected) and out.reason == "truncated"


def test_what_is_asked_is_the_whole_row() -> None:
    row = record("Name it.", input="A sea.", system="Be brief.")
    assert conversation(row) == (Message("system", "Be brief."), Message("user", "Name it.\n\nA sea."))
    assert conversation(record("Name it.")) == (Message("user", "Name it."),)
    told = Record(**{**{f: getattr(row, f) for f in row.__struct_fields__}, "history": (Turn("Hello", "Hi"),)})
    assert [m.role for m in conversation(told)] == ["system", "user", "assistant", "user"]


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=10), st.data())
@settings(max_examples=40, deadline=None)
def test_count_in_is_count_out_plus_rejected(texts: list[str], data: st.DataObject) -> None:
    kinds = [
        Reply("Yes.", "ok", 1, 1),
        Reply("", "failed", 0, 0, "x"),
        Reply("", "refused", 0, 0),
        Reply("", "ok", 0, 0),
    ]
    rows = [record(text) for text in texts]
    done = run(rows, [], lambda _: data.draw(st.sampled_from(kinds)))
    assert [row.id for _, row in done] == [row.id for row in rows]  # type: ignore[attr-defined]
    assert {name for name, _ in done} <= {"rows", "rejected"}


def test_a_row_holds_reasoning_only_where_a_reply_has_it() -> None:
    thought = Reply("The Baltic.", "ok", 1, 9, reasoning="A sea of the north.")
    ((_, row),) = run([record("Name a sea.")], [], lambda _: thought)
    assert isinstance(row, Record) and row.reasoning == "A sea of the north."
    assert b'"reasoning":"A sea of the north."' in msgspec.json.encode(row)
    ((_, again),) = run([row], [], lambda _: "The Baltic.")
    assert isinstance(again, Record) and b"reasoning" not in msgspec.json.encode(again)
    before = record("Name a sea.", MADE, response="The North Sea.")
    kept = msgspec.structs.replace(before, reasoning="Cold.")
    ((_, frozen),) = run([record("Name a sea.", FROZEN)], [kept], lambda _: "Other.")
    assert isinstance(frozen, Record) and frozen.reasoning == "Cold."


OWN = {"hold": "keep", "round_0": "corpus"}
GREW = Step(stage="rewrite", action="suffix", status="ok", round=1)
LOST = Step(stage="rewrite", action="", status="unparsed", round=2)


@pytest.mark.parametrize(
    ("steps", "number", "choices", "text", "action", "status"),
    [
        ((), 0, {}, "New.", "respond", "ok"), ((), 0, OWN, "Own.", "keep", "ok"),
        ((HELD,), 1, {}, "New.", "respond", "ok"), ((HELD,), 1, OWN, "Own.", "keep", "ok"),
        ((HELD,), 1, {"round_0": "corpus"}, "New.", "respond", "ok"), ((LOST,), 1, OWN, "Own.", "keep", "ok"),
        ((HELD, FROZEN), 2, OWN, "Own.", "keep", "ok"), ((GREW,), 1, OWN, "New.", "respond", "ok"),
        ((GREW, HELD), 2, {}, "New.", "respond", "ok"), ((GREW, HELD), 2, OWN, "Earlier.", "respond", "frozen"),
        ((GREW, LOST), 2, OWN, "Earlier.", "respond", "frozen"),
        ((GREW, FROZEN), 2, {}, "Earlier.", "respond", "frozen"),
    ],
)  # fmt: skip
def test_whose_response_a_row_has(
    steps: tuple[Step, ...], number: int, choices: dict[str, Any], text: str, action: str, status: str
) -> None:
    config, seen = dataclasses.replace(WISHES, round=number, **choices), list[Prompt]()
    before = record("Name a sea.", MADE, response="Earlier.")
    ((name, row),) = respond_round(
        [record("Name a sea.", *steps, response="Own.")], [before], model(lambda _: "New.", seen), config
    )
    assert name == "rows" and isinstance(row, Record) and row.response == text
    assert (row.steps[-1].action, row.steps[-1].status) == (action, status)
    assert len(seen) == (text == "New.") and bool(row.steps[-1].sampling) == (action == "respond")


def test_a_row_without_a_response_of_its_own_is_requested() -> None:
    config = dataclasses.replace(WISHES, **OWN)
    ((_, row),) = respond_round([record("Name a sea.", HELD, response=" ")], [], model(lambda _: "New."), config)
    assert isinstance(row, Record) and row.response == "New." and row.steps[-1].action == "respond"


STEPS = [FROZEN, HELD, Step(stage="rewrite", action="prefix", status="ok", round=2)]


@given(
    st.lists(st.sampled_from([None, *STEPS]), min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.sampled_from(["respond", "keep"]),
)
def test_rows_that_keep_nothing_need_no_earlier_row(steps: list[Step | None], absent: set[int], hold: Any) -> None:
    """Earlier rows that no row of this round keeps may be left out."""
    config = dataclasses.replace(WISHES, hold=hold)
    rows = [record(f"Name sea {number}.", *([step] if step else [])) for number, step in enumerate(steps)]
    earlier = [
        record(f"Name sea {number}.", MADE, response=f"Sea {number}.")
        for number in range(len(rows))
        if number not in absent
    ]
    needed = list(kept_rows(lambda: rows, earlier, config))
    complete = model(lambda prompt: f"To: {prompt.messages[-1].content}")
    assert list(respond_round(rows, needed, complete, config)) == list(respond_round(rows, earlier, complete, config))
    assert len(needed) <= sum(step is not None and step is not STEPS[2] for step in steps)
