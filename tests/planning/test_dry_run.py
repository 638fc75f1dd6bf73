"""A plan's counts against what is really sent, through the rooms that send it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.core.completions import Complete, Constraint, Image, Message, Prompt, Reply, Sampling, draw_seed
from stages.core.records import Record, Source
from stages.params import Engine
from stages.planning.dry_run import Planner, RequestCounts
from stages.planning.token_estimate import CHARACTERS_PER_TOKEN, IMAGE_TOKENS
from stages.reply_store.store import Replies
from stages.seqinstruct.pending_rows import PendingRow, retry_pending
from tests.inference.counting import IDENTITY, Counting, connected, prompt, text_of

ENGINE = Engine(engine="scripted", options={})
ROWS = tuple(f"row-{n}" for n in range(40))


class Stubborn(Counting):
    """Answers some rows at the second try only, and others never; tells each step apart."""

    def reply(self, one: Prompt) -> Reply:
        step, row = text_of(one).split(maxsplit=1)
        good = {0: 0, 1: 1, 2: 9}[sum(map(ord, row)) % 3] <= one.sample
        return Reply(f"{step} of {row}" if good else "no", "ok", 10, 5)


def chain(rows: tuple[str, ...], complete: Complete, sampling: Sampling) -> list[str]:
    """Two steps, each tried three times; the second says what the first was told."""
    pending_rows: Iterator[PendingRow] = (PendingRow(record(row)) for row in rows)
    for step in ("choose", "write"):

        def ask(pending: PendingRow, number: int, step: str = step) -> Prompt | None:
            if step == "write" and not pending.text:
                return None
            seed = draw_seed(1, pending.record.id, step)
            asked = f"{step} {pending.text or pending.record.instruction}"
            return prompt(asked, sampling=sampling, seed=seed, sample=number, purpose=f"{pending.record.id}/{step}")

        def settle(pending: PendingRow, reply: Reply) -> PendingRow:
            return pending.failed("unparsed") if reply.text == "no" else pending.settled(text=reply.text)

        pending_rows = retry_pending(_opened(pending_rows), complete, 3, ask, settle)
    return [pending.text for pending in pending_rows]


def _opened(pending_rows: Iterator[PendingRow]) -> Iterator[PendingRow]:
    for pending in pending_rows:
        yield PendingRow(pending.record, text=pending.text)


def record(row: str) -> Record:
    return Record(row, "c", row, "", "", "", Source("s", 0, "0", "l", "en"))


def run(store: Path, rows: tuple[str, ...], sampling: Sampling) -> int:
    engine = Stubborn()
    with connected(engine, store) as connection:
        chain(rows, connection.complete, sampling)
    return len(engine.texts)


def planned(store: Path, rows: tuple[str, ...], sampling: Sampling, before: Sampling | None = None) -> RequestCounts:
    with Replies(store) as replies:
        planner = Planner(replies)
        if before:
            planner.learning = True
            chain(rows, planner.complete(IDENTITY, ENGINE), before)
            planner.learning = False
        planner.begin(set())
        chain(rows, planner.complete(IDENTITY, ENGINE), sampling)
        (asked,) = planner.counts
        planner.tokens(asked)
        return asked


COLD, WARM = Sampling(1.0, 1.0, 0, 64), Sampling(0.5, 1.0, 0, 64)


def test_what_is_remembered_is_told_exactly(tmp_path: Path) -> None:
    sent = run(tmp_path / "s", ROWS, COLD)
    asked = planned(tmp_path / "s", ROWS, COLD)
    assert (asked.cached, asked.new, asked.guessed) == (sent, 0, 0)


def test_new_rows_alone_are_new(tmp_path: Path) -> None:
    run(tmp_path / "s", ROWS[:30], COLD)
    asked = planned(tmp_path / "s", ROWS, COLD)
    assert asked.new == 10, "the first step of each new row is certain"
    really = run(tmp_path / "s", ROWS, COLD)
    assert asked.new <= really
    assert abs(asked.new + asked.guessed - really) <= really * 0.6


def test_other_sampling_is_all_new_and_its_chains_are_guessed_from_remembered_ones(tmp_path: Path) -> None:
    run(tmp_path / "s", ROWS, COLD)
    asked = planned(tmp_path / "s", ROWS, WARM, before=COLD)
    assert (asked.cached, asked.new) == (0, 40)
    really = run(tmp_path / "s", ROWS, WARM)
    assert asked.guessed and abs(asked.new + asked.guessed - really) <= really * 0.35


def test_nothing_is_remembered_yet(tmp_path: Path) -> None:
    """Without any reply to go by, the first try of each step is counted and no retry."""
    asked = planned(tmp_path / "s", ROWS, COLD)
    assert (asked.cached, asked.new, asked.guessed) == (0, 40, 40)
    assert asked.longest == {"choose": 40 * 64, "write": 40 * 64}
    with Replies(tmp_path / "s") as replies:
        assert replies.spent(IDENTITY)[0] == (0, 0), "a plan stores nothing"


def test_tokens_follow_from_remembered_replies_and_are_bounds_without(tmp_path: Path) -> None:
    run(tmp_path / "s", ROWS[:20], COLD)
    with Replies(tmp_path / "s") as replies:
        planner = Planner(replies)
        chain(ROWS, planner.complete(IDENTITY, ENGINE), COLD)
        (asked,) = planner.counts
        load = planner.tokens(asked)
    number = asked.new + asked.guessed
    assert load.measured and load.written == 5 * number and load.most == 64 * number
    assert load.counted and abs(load.read - 10 * number) <= number
    nothing = Planner(None)
    nothing.complete(IDENTITY, ENGINE)
    load = nothing.tokens(asked)
    assert (load.written, load.measured, load.counted) == (load.most, False, False)


def test_a_picture_is_read_too(tmp_path: Path) -> None:
    seen = Prompt((Message("user", "x" * 400, (Image("0" * 64), Image("1" * 64))),), COLD, 1, purpose="a/s")
    planner = Planner(None)
    list(planner.complete(IDENTITY, ENGINE)([seen]))
    assert planner.tokens(planner.counts[0]).read == 400 / CHARACTERS_PER_TOKEN + 2 * IMAGE_TOKENS


def test_a_request_that_comes_twice_is_sent_once(tmp_path: Path) -> None:
    planner = Planner(None)
    list(planner.complete(IDENTITY, ENGINE)([prompt("x", purpose="a/s"), prompt("x", purpose="b/s")]))
    assert [(asked.new, asked.cached) for asked in planner.counts] == [(1, 1)]


def test_two_stages_are_not_asked_the_same_where_only_their_stand_ins_are(tmp_path: Path) -> None:
    """Two models' answers to one question are played by the same stand-in; the judge will see different ones."""
    planner = Planner(None)
    for _ in range(2):
        planner.begin({"r1"})
        list(planner.complete(IDENTITY, ENGINE)([prompt("x", purpose="r1/judge"), prompt("x", purpose="r1/judge")]))
        assert [(asked.new, asked.guessed, asked.cached) for asked in planner.counts] == [(0, 1, 1)]


def test_while_a_plan_is_made_no_model_is_reached(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('[{"reply": "yes"}]')
    planner = Planner(None)
    engine = Engine(engine="scripted", options={"rules": str(rules)})
    with planner.connect(engine) as complete:
        assert [reply.text for reply in complete([prompt(1)])] != ["yes"]
    assert [asked.new for asked in planner.counts] == [1]


@pytest.mark.parametrize("row", ["r1", "r1/0", "seqeval-r1"])
def test_what_is_asked_about_a_guessed_row_is_guessed(row: str) -> None:
    planner = Planner(None)
    planner.begin({"r1"})
    list(planner.complete(IDENTITY, ENGINE)([prompt(1, purpose=f"{row}/judge"), prompt(2, purpose="r2/judge")]))
    assert [(asked.new, asked.guessed) for asked in planner.counts] == [(1, 1)]


class Weighing(Counting):
    """Weighs choices where there are any, and writes where there are none."""

    def reply(self, one: Prompt) -> Reply:
        choices = one.constraint.choice if one.constraint else ()
        return Reply("A" if choices else "done", "ok", 3, 1, scores=dict.fromkeys(choices, -1.0))


def test_a_weighed_reply_is_no_stand_in_for_a_written_one(tmp_path: Path) -> None:
    """lm-eval asks both under one step, and what has scores is read as weighed."""
    weighed = prompt(1, constraint=Constraint(choice=("A", "B")), purpose="r1/answer")
    with connected(Weighing(), tmp_path / "s") as connection:
        list(connection.complete([weighed]))
    with Replies(tmp_path / "s") as replies:
        complete = Planner(replies).complete(IDENTITY, ENGINE)
        first, written = complete([weighed, prompt(2, purpose="r2/answer")])
        assert (first.text, set(first.scores)) == ("A", {"A", "B"})
        assert not written.scores
