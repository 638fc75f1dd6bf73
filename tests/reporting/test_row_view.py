"""Rows in the terminal: what each round did, what is selected, and that no text steers the terminal."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Record, Rejected, Source, Step
from stages.reporting.row_view import RowView, printable, rejected_views, row_views, selected, terminal_text

SOURCE = Source("path:x", 0, "0" * 64, "MIT", "en")


def record(id: str, instruction: str, *steps: Step, response: str = "") -> Record:
    return Record(id, "mine", instruction, "some input", response, "", SOURCE, steps)


def step(round: int, action: str, status: str = "ok", reason: str = "") -> Step:
    return Step("rewrite", action, status, round, reason)  # type: ignore[arg-type]


def views() -> list[RowView]:
    before = [record(f"mine-{n}", f"Do {n}.") for n in range(4)]
    first = [
        record("mine-0", "Do 0. Then more.", step(1, "suffix")), record("mine-1", "Do 1.", step(1, "hold")),
        record("mine-2", "Do 2.", step(1, "", "unparsed", "no-option")), record("mine-3", "Do 3.", step(1, "hold")),
    ]  # fmt: skip
    second = [
        record("mine-0", "First. Do 0. Then more.", step(1, "suffix"), step(2, "prefix")),
        record("mine-1", "Do 1.", step(1, "hold"), step(2, "hold", "frozen")),
        record("mine-2", "Do 2. Then.", step(1, "", "unparsed", "no-option"), step(2, "suffix")),
    ]  # fmt: skip
    answered = [record(row.id, row.instruction, *row.steps, response=f"Done {row.id}") for row in second[:2]]
    return list(row_views(before, {2: second, 1: first}, answered, [Rejected("mine-2", "truncated", "", {})]))


def test_what_each_round_did() -> None:
    zero, one, two, three = views()
    assert zero.rounds == ((1, "suffix", "Do 0. Then more."), (2, "prefix", "First. Do 0. Then more."))
    assert (zero.tasks, zero.response, zero.rejected) == (3, "Done mine-0", "")
    assert one.rounds == ((1, "hold", ""), (2, "hold frozen", "")) and one.tasks == 1
    assert two.rounds == ((1, "unparsed: no-option", ""), (2, "suffix", "Do 2. Then."))
    assert (two.tasks, two.response, two.rejected) == (2, "", "truncated")
    assert three.rounds == ((1, "hold", ""),)
    assert zero.before == "Do 0.\n\nsome input"


@pytest.mark.parametrize(
    ("ids", "chains", "rejected", "sample", "expected"),
    [
        ([], False, False, None, "0123"), ([], True, False, None, "02"), ([], False, True, None, "2"),
        (["mine-1", "mine-3"], False, False, None, "13"), (["other"], False, False, None, ""),
        ([], False, False, 9, "0123"), ([], True, True, 1, "2"),
    ],
)  # fmt: skip
def test_selection(ids: list[str], chains: bool, rejected: bool, sample: int | None, expected: str) -> None:
    assert [view.id[-1] for view in selected(views(), ids, chains, rejected, sample, 1)] == list(expected)


def test_a_sample_is_drawn_by_the_seed_and_keeps_the_order() -> None:
    drawn = [[view.id for view in selected(views(), [], False, False, 2, seed)] for seed in range(20)]
    assert all(ids == sorted(ids) and len(ids) == 2 for ids in drawn)
    assert (
        drawn[0] == [view.id for view in selected(views(), [], False, False, 2, 0)] and len(set(map(tuple, drawn))) > 2
    )


@given(st.text())
def test_no_text_steers_the_terminal(text: str) -> None:
    shown = printable(text)
    assert not any((ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160 for char in shown)
    shown.encode()


def test_escapes_are_written_out() -> None:
    view = RowView("mine-0", "\x1b[2Jgone\u202e", (), "\x9b31m", "", "", 1)
    assert "\\x1b[2Jgone\\u202e" in terminal_text(view) and "\\x9b31m" in terminal_text(view)
    assert printable("नमस्ते 👩‍🚀 שלום\tok\n") == "नमस्ते 👩‍🚀 שלום\tok\n"


def test_a_corpus_that_is_only_read_shows_its_own_responses() -> None:
    (view,) = row_views([record("mine-0", "Do it.", response="Done.")], {}, (), ())
    assert (view.response, view.origin, view.rounds, view.tasks) == ("Done.", "the corpus's own", (), 1)


def test_rounds_without_responses_yet_show_none() -> None:
    before = record("mine-0", "Do it.", response="Done.")
    (view,) = row_views([before], {1: [record("mine-0", "Do it.", step(1, "hold"))], 2: ()}, (), ())
    assert (view.response, view.rounds) == ("", ((1, "hold", ""),))
    (view,) = row_views([before], {1: (), 2: ()}, (), ())
    assert (view.response, view.rounds) == ("", ())


@pytest.mark.parametrize(
    ("action", "status", "label"),
    [("keep", "ok", "response (the corpus's own)"), ("respond", "truncated", "response (truncated)"),
     ("respond", "ok", "response\n"), ("respond", "frozen", "response (frozen)")],
)  # fmt: skip
def test_where_a_response_comes_from(action: str, status: str, label: str) -> None:
    answered = record("mine-0", "Do it.", Step("respond", action, status, 1), response="Done.")  # type: ignore[arg-type]
    (view,) = row_views(
        [record("mine-0", "Do it.")], {1: [record("mine-0", "Do it.", step(1, "hold"))]}, [answered], ()
    )
    assert label in terminal_text(view)


def test_a_row_that_was_rejected_when_it_was_read() -> None:
    (view,) = rejected_views([Rejected("mine-9", "too-long", "9 MB", {"q": "\x1b[2J"})])
    text = terminal_text(view)
    assert "rejected: too-long (9 MB)" in text and "\x1b" not in text and "\\u001b[2J" in text


KEYS = ("a" * 64, "b" * 64, "c" * 64)


def test_rows_that_a_round_lost_are_shown_with_what_the_model_replied() -> None:
    lost = step(1, "", "unparsed", "no instruction found")
    lost = msgspec.structs.replace(lost, replies=KEYS)
    rows = {1: [record("mine-0", "Do 0.", lost), record("mine-1", "Do 1. So.", step(1, "suffix"))]}
    found = list(row_views([record("mine-0", "Do 0."), record("mine-1", "Do 1.")], rows, (), ()))
    (view,) = selected(found, [], False, True, None, 1)
    assert view.id == "mine-0"
    replies = {KEYS[0]: ("I can\x1b[2J not", "ok"), KEYS[1]: ("x" * 1500, "truncated")}
    text = terminal_text(view, replies)
    assert "round 1 came to nothing: unparsed: no instruction found" in text
    assert "round 1, model's reply 1 of 3\n    I can\\x1b[2J not" in text and "\x1b" not in text
    assert (
        "reply 2 of 3 (truncated)" in text
        and f"500 more characters; all of it: `seqit replies show {'b' * 16}`" in text
    )
    assert "round 1: 1 of 3 replies are not in the reply store here" in text
    assert "model's reply" not in terminal_text(view)


def test_a_row_without_a_response_is_shown_with_what_the_model_replied() -> None:
    made = Step("respond", "respond", "truncated", 1, replies=KEYS[:1])
    row = msgspec.to_builtins(record("mine-0", "Do 0. So.", step(1, "suffix"), made))
    rejected = [Rejected("mine-0", "truncated", "", row), Rejected("mine-1", "empty", "", {"steps": "none"})]
    before = [record("mine-0", "Do 0."), record("mine-1", "Do 1.")]
    first, second = row_views(before, {1: ()}, (), rejected)
    assert "response, model's reply 1 of 1\n    On and on" in terminal_text(first, {KEYS[0]: ("On and on", "ok")})
    assert second.failures == () and second.rejected == "empty"
