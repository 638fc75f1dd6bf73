"""One round over a corpus: order, number, frozen rows, statuses, independence of the neighbours."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.core.records import Record, Step, digest
from stages.prompts import parse
from stages.seqinstruct.filters import Limits, check
from stages.seqinstruct.parse_choice import LETTERS, parse_choice
from stages.seqinstruct.parse_instruction import parse_instruction
from stages.seqinstruct.rounds import prompts_needed, rewrite_round
from tests.seqinstruct.models import ALL, TEMPLATES, asked_for, model, plan, record, rewriter

HOLD = Step(stage="rewrite", action="hold", status="ok", round=1)
texts = st.text(min_size=1, max_size=30)
corpora = st.lists(texts, unique=True, max_size=12).map(lambda rows: [record(row) for row in rows])
replies = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["So the option is: A.", "So the option is: D.", "#New Instruction#: Name a sea and two lakes.###", ""]
    ),
).flatmap(
    lambda text: st.sampled_from(
        [
            Reply(text, "ok", 1, 1),
            Reply(text, "truncated", 1, 1),
            Reply("", "refused", 1, 0, "no"),
            Reply("", "failed", 0, 0),
        ]
    )
)


def run(
    records: Iterable[Record], answer: object = rewriter, seen: list[Prompt] | None = None, **how: object
) -> list[Record]:
    return list(rewrite_round(records, model(answer, seen), plan(**how)))  # type: ignore[arg-type]


def last(row: Record) -> Step:
    return row.steps[-1]


@given(corpora, st.data())
@settings(max_examples=60, deadline=None)
def test_rows_keep_their_order_and_number_whatever_the_model_says(rows: list[Record], data: st.DataObject) -> None:
    done = run(rows, lambda prompt: data.draw(replies))
    assert [row.id for row in done] == [row.id for row in rows]
    for before, after in zip(rows, done, strict=True):
        assert len(after.steps) == len(before.steps) + 1
        if last(after).status != "ok" or last(after).action == "hold":
            assert after.instruction == before.instruction


@given(corpora, corpora)
@settings(max_examples=40, deadline=None)
def test_a_larger_corpus_in_another_order_changes_nothing_for_the_others(
    some: list[Record], more: list[Record]
) -> None:
    ids = {row.id for row in some}
    alone = {row.id: row for row in run(some)}
    among = {row.id: row for row in run([*(row for row in more if row.id not in ids), *reversed(some)])}
    assert all(among[key] == row for key, row in alone.items())


@given(corpora)
@settings(max_examples=30, deadline=None)
def test_frozen_rows_are_never_asked(rows: list[Record]) -> None:
    seen: list[Prompt] = []
    frozen = [row.step(HOLD) for row in rows]
    done = run(run(frozen, seen=seen, number=2), seen=seen, number=3)
    assert seen == []
    assert all(last(row).status == "frozen" and last(row).action == "hold" for row in done)
    assert [row.instruction for row in done] == [row.instruction for row in rows]


@pytest.mark.parametrize("status", ["unparsed", "rejected", "truncated", "refused", "failed"])
def test_what_failed_is_no_hold_and_is_asked_again_next_round(status: str) -> None:
    seen: list[Prompt] = []
    row = record("Name a sea.").step(Step(stage="rewrite", action="", status=status, round=1))  # type: ignore[arg-type]
    run([row], seen=seen, number=2)
    assert seen


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (Reply("I wonder.", "ok", 1, 1), "unparsed", "no option named"),
        (Reply("", "ok", 1, 0), "unparsed", "no option named"),
        (Reply("A suitable adaptation is to add a pre", "truncated", 1, 9), "truncated", ""),
        (Reply("", "refused", 1, 0, "filtered"), "refused", "filtered"),
        (Reply("", "failed", 0, 0, "HTTP 500"), "failed", "HTTP 500"),
    ],
)
def test_a_choice_that_was_not_made_is_a_status_and_never_an_option(reply: Reply, status: str, reason: str) -> None:
    seen: list[Prompt] = []
    (row,) = run([record("Name a sea.")], lambda _: reply, seen)
    assert (last(row).action, last(row).status, last(row).reason) == ("", status, reason)
    assert [prompt.sample for prompt in seen] == ([0, 0, 0] if status == "failed" else [0, 1, 2])


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("Name a sea, then a lake.", "unparsed", "no instruction found"),
        ("#New Instruction#: Name a sea.###", "rejected", "same"),
        ("#New Instruction#: Name a sea. This added task encourages the original instruction.###", "rejected", "same"),
    ],
)
def test_a_rewrite_that_is_not_taken_keeps_the_old_instruction(text: str, status: str, reason: str) -> None:
    (row,) = run([record("Name a sea.")], lambda p: "Option is: B" if asked_for(p) == "choose" else text)
    assert (last(row).action, last(row).status, last(row).reason) == ("prefix", status, reason)
    assert row.instruction == "Name a sea."


def test_a_retry_asks_a_fresh_sample_and_stops_when_it_is_settled() -> None:
    seen: list[Prompt] = []

    def answer(prompt: Prompt) -> str:
        if prompt.sample < 1:
            return "Hm."
        return rewriter(prompt)

    (row,) = run([record("Name a sea with 3 words.")], answer, seen)
    assert [(asked_for(p), p.sample) for p in seen][:2] == [("choose", 0), ("choose", 1)]
    assert len({p.seed for p in seen if asked_for(p) == "choose"}) == 1
    assert len(last(row).replies) == len(seen) and last(row).generator == "m"


def test_a_truncated_rewrite_counts_only_if_its_end_mark_was_reached() -> None:
    closed = Reply("#New Instruction#: Name a sea and two lakes.### And so", "truncated", 1, 64)
    open_ended = Reply("#New Instruction#: Name a sea and two la", "truncated", 1, 64)
    for reply, status in ((closed, "ok"), (open_ended, "truncated")):
        (row,) = run([record("Name a sea.")], lambda p, r=reply: "Option is: C" if asked_for(p) == "choose" else r)
        assert last(row).status == status


def test_provenance_names_prompts_replies_and_sampling() -> None:
    (row,) = run([record("Name a sea.")], lambda p: "Option is: C" if asked_for(p) == "choose" else rewriter(p))
    step = last(row)
    assert step.prompt == f"{TEMPLATES['choose'].hash}+{TEMPLATES['suffix'].hash}"
    assert step.sampling["top_k"] == 50 and len(step.replies) == 2 and step.round == 1


def test_uniform_draws_evenly_without_asking_and_by_the_rows_own_seed() -> None:
    seen: list[Prompt] = []
    rows = [record(f"Name {n} seas.") for n in range(300)]
    done = run(rows, seen=seen, policy="uniform", actions=("decompose", "prefix", "suffix"))
    counts = [sum(last(row).action == action for row in done) for action in ("decompose", "prefix", "suffix")]
    assert all(70 < count < 130 for count in counts) and "choose" not in {asked_for(p) for p in seen}
    assert run(rows[:1], policy="uniform", actions=("decompose", "prefix", "suffix"))[0] == done[0]


def test_fixed_takes_one_action() -> None:
    assert last(run([record("Name a sea.")], policy="fixed", actions=("suffix",))[0]).action == "suffix"
    with pytest.raises(UserError, match="takes one action"):
        run([record("Name a sea.")], policy="fixed")


def test_an_action_that_the_round_does_not_allow_is_rejected() -> None:
    (row,) = run([record("Name a sea.")], lambda _: "Option is: D", actions=("prefix", "suffix"))
    assert (last(row).status, last(row).reason, last(row).action) == ("rejected", "not-allowed", "")


def test_an_unknown_policy_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="unknown policy 'modle'"):
        run([], policy="modle")


def scored(prompt: Prompt) -> Reply | str:
    """A model that likes A ten times as much as the rest, and otherwise follows the number in the instruction."""
    if asked_for(prompt) != "choose":
        return rewriter(prompt)
    text = prompt.messages[-1].content
    scores = {letter: 0.0 for letter in prompt.constraint.choice}  # type: ignore[union-attr]
    scores["A"] = scores.get("A", 0.0) + 10.0
    if text[-2:-1].isdigit():
        letter = "ABCD"[int(text[-2]) % 4]
        scores[letter] = scores.get(letter, 0.0) + 6.0
    offered = {letter: scores[letter] for letter in prompt.constraint.choice}  # type: ignore[union-attr]
    return Reply("A", "ok", 1, 1, scores=offered, id="x")


def test_calibration_takes_out_the_liking_and_keeps_what_the_row_says() -> None:
    rows = [record(f"Name a sea {n}.") for n in range(200)]
    done = run(rows, scored, policy="calibrated")
    meant = [LETTERS["ABCD"[int(row.instruction.split(".")[0][-1]) % 4]] for row in rows]
    agreeing = sum(last(row).action == action for row, action in zip(done, meant, strict=True))
    assert agreeing > 180
    silent = run([record(f"Name {'very ' * n}sea") for n in range(200)], scored, policy="calibrated")
    assert all(30 < sum(last(row).action == action for row in silent) < 70 for action in ALL)


def test_calibration_is_over_the_allowed_actions_only() -> None:
    done = run(
        [record(f"Name a sea {n}.") for n in range(40)], scored, policy="calibrated", actions=("prefix", "suffix")
    )
    assert {last(row).action for row in done} == {"prefix", "suffix"}


def test_calibration_rests_on_every_content_free_request_or_ends() -> None:
    rows = [record(f"Name a sea {n}.") for n in range(20)]
    failed: set[str] = set()

    def flaky(prompt: Prompt) -> str | Reply:
        """The first request of each content-free text fails."""
        if "content-free" in prompt.purpose and digest(prompt) not in failed:
            failed.add(digest(prompt))
            return Reply("", "failed", 0, 0, "HTTP 500")
        return scored(prompt)

    assert run(rows, flaky, policy="calibrated") == run(rows, scored, policy="calibrated")
    assert failed
    with pytest.raises(UserError, match="content-free requests"):
        run(rows, lambda _: Reply("", "failed", 0, 0, "HTTP 500"), policy="calibrated")


def test_calibration_without_scores_is_the_models_statement() -> None:
    (row,) = run([record("Name a sea.")], lambda p: "Option is: D", policy="calibrated")
    assert (last(row).action, last(row).status) == ("hold", "ok")


FRAMED = parse(
    "--- system\nsuffix\n--- example\nName a bird.\n--- reply\nSay where this bird builds its nest."
    "\n--- user\n{{ instruction }}\n"
    "--- regex\n[A-Z][a-z ]+\\.\n--- frame\n{{ instruction | sentence }} Then {{ reply | continued }}",
    "suffix.txt",
)


@pytest.mark.parametrize(
    ("reply", "status", "reason", "instruction"),
    [
        ("Tell what it is like.", "ok", "", "Name a ### sea. Then tell what it is like."),
        ('"Tell what it is like."', "ok", "", "Name a ### sea. Then tell what it is like."),
        ("tell 2", "unparsed", "no instruction found", "Name a ### sea"),
        ("Say where this bird builds its nest.", "rejected", "copies-example", "Name a ### sea"),
        ("Name a sea.", "rejected", "repeats", "Name a ### sea"),
    ],
)
def test_a_frame_adds_to_the_original_and_loses_nothing(reply: str, status: str, reason: str, instruction: str) -> None:
    (row,) = run(
        [record("Name a ### sea")], lambda _: reply, policy="fixed", actions=("suffix",), templates={"suffix": FRAMED}
    )
    assert (last(row).status, last(row).reason, row.instruction) == (status, reason, instruction)


def test_the_prompts_that_a_round_needs() -> None:
    assert prompts_needed("model", ALL) == ["choose", "decompose", "prefix", "suffix"]
    assert prompts_needed("uniform", ("prefix",)) == ["prefix"]


def test_rewriting_is_a_stream() -> None:
    """The first row is written before the last one is read."""
    read: list[int] = []

    def rows() -> Iterable[Record]:
        for n in range(1000):
            read.append(n)
            yield record(f"Name {n} seas.")

    first = next(iter(rewrite_round(rows(), model(rewriter), plan(attempts=1))))
    assert first.steps and len(read) < 20


def test_our_prompts_and_gates_agree() -> None:
    """The worked examples of the full prompts would pass the gates themselves."""
    folder = Path(__file__).resolve().parents[2] / "stages" / "prompts"
    for name in ("decompose", "prefix", "suffix"):
        for kind in ("seqinstruct", "seqeval"):
            blocks = parse((folder / kind / f"{name}.txt").read_text(encoding="utf-8"), name).blocks
            sides = [text for block, text in blocks if block in ("example", "reply")]
            assert len(sides) == 6
            for asked, said in zip(sides[::2], sides[1::2], strict=True):
                old = asked.split("#Original Instruction#: " if kind == "seqinstruct" else "#Instruction#\n")[1]
                new = parse_instruction(said)
                assert new and check(new, old.removesuffix("\n\nLet's think step by step."), Limits(200, 8.0)) == "", (
                    new
                )
    blocks = parse((folder / "seqinstruct" / "choose.txt").read_text(encoding="utf-8"), "choose").blocks
    said = [parse_choice(text) for block, text in blocks if block == "reply"]
    assert said == ["suffix", "hold", "decompose", "hold", "prefix"]
