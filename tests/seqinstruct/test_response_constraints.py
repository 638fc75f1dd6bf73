"""Constraints as added tasks: their share, no request, frozen afterwards, and what the metrics say of responses."""

from msgspec.structs import replace

from stages.core.completions import Prompt, Sampling
from stages.core.records import Record, ResponseCheck
from stages.core.row_history import tasks
from stages.seqinstruct.responses import ResponseConfig, respond_round
from stages.seqinstruct.round_statistics import RoundStats
from stages.seqinstruct.rounds import rewrite_round
from tests.seqinstruct.models import model, plan, record, rewriter

ROWS = [record(f"Describe lake number {number} to me, please") for number in range(120)]


def run(rows: list[Record], number: int = 1, seen: list[Prompt] | None = None, share: float = 0.5) -> list[Record]:
    how = plan("uniform", ("prefix", "suffix"), number, constraint_share=share)
    return list(rewrite_round(rows, model(rewriter, seen), how))


def test_a_share_of_the_rows_gets_a_constraint_without_a_request() -> None:
    seen: list[Prompt] = []
    done = run(ROWS, seen=seen)
    constrained = [row for row in done if row.checks]
    assert 40 < len(constrained) < 80
    assert len(seen) == len(ROWS) - len(constrained)
    for before, row in zip(ROWS, done, strict=True):
        step = row.steps[-1]
        assert (step.action == "constrain") is bool(row.checks)
        if row.checks:
            assert row.instruction.startswith(f"{before.instruction}. ")
            assert (step.status, step.replies, tasks(row)) == ("ok", (), 2)


def test_the_draw_belongs_to_the_row_and_no_share_changes_nothing() -> None:
    assert [row for row in run(ROWS) if row.checks] == [row for row in run(ROWS[::-1])[::-1] if row.checks]
    assert run(ROWS, share=0.0) == list(rewrite_round(ROWS, model(rewriter), plan("uniform", ("prefix", "suffix"))))
    one = run(ROWS)[7:8]
    assert run(ROWS[7:8]) == one


def test_a_row_with_constraints_gets_only_further_ones_and_is_frozen_without() -> None:
    first = run(ROWS)
    second = run(first, number=2)
    for before, row in zip(first, second, strict=True):
        if not before.checks:
            continue
        assert before.checks
        assert row.checks
        if row.steps[-1].status == "frozen":
            assert (row.instruction, row.checks) == (before.instruction, before.checks)
        else:
            assert row.steps[-1].action == "constrain"
            assert row.checks[: len(before.checks)] == before.checks
            assert row.instruction.startswith(before.instruction)
    assert {len(row.checks or ()) for row in second} == {0, 1, 2}


def test_rows_in_a_language_without_wordings_are_rewritten_as_ever() -> None:
    rows = [replace(row, source=replace(row.source, language="pt")) for row in ROWS[:20]]
    assert not any(row.checks for row in run(rows, share=1.0))


def test_metrics_say_what_share_of_the_responses_satisfies_each_check() -> None:
    checks = (ResponseCheck("case.upper"), ResponseCheck("words.at_most", {"n": 3}))
    rows = [replace(ROWS[0], checks=checks), replace(ROWS[1], checks=checks[:1]), ROWS[2]]
    stats = RoundStats("respond")
    answers = {row.instruction: text for row, text in zip(ROWS, ("A LAKE", "a lake", "x"), strict=False)}
    config = ResponseConfig(1, 0, Sampling(1.0, 0.9, 50, 8), 1, ("ok",))
    answering = model(lambda prompt: answers[prompt.messages[-1].content])
    done = list(stats.split(respond_round(rows, [], answering, config)))
    assert [row.checks for _, row in done] == [row.checks for row in rows]  # type: ignore[union-attr]
    assert stats.summary()["checks"] == {
        "rows": 2, "all_satisfied": 0.5, "satisfied": 0.6667,
        "by_name": {"case.upper": {"rows": 2, "satisfied": 0.5}, "words.at_most": {"rows": 1, "satisfied": 1.0}},
    }  # fmt: skip
    assert "checks" not in RoundStats("respond").summary()
