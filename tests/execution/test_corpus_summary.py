"""What a run says of each corpus at its end, and what it warns of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Step
from stages.execution.corpus_summary import RoundCounts, corpus_line, corpus_warnings
from stages.seqinstruct.round_statistics import RoundStats
from tests.seqinstruct.models import record

GOOD = RoundCounts(
    rows=30, counts={"suffix": 12, "hold": 15}, failures=3, rows_by_tasks={"1": 18, "2": 7, "3": 5},
    single_tasks_by_outcome={"held": 15, "unparsed": 2, "HTTP 422": 1},
)  # fmt: skip
GOOD_LINE = "30 rows: 12 chains of 2 to 3 tasks, 15 held, 3 failed (2 unparsed, 1 HTTP 422)"
HELD = RoundCounts(rows=30, counts={"hold": 30}, rows_by_tasks={"1": 30}, single_tasks_by_outcome={"held": 30})
FROZEN = RoundCounts(rows=30, frozen=30, rows_by_tasks={"1": 18, "2": 12}, single_tasks_by_outcome={"held": 18})
IDLE = RoundCounts(rows=30, frozen=10, counts={"hold": 20}, rows_by_tasks={"1": 10, "2": 20})
LOST = RoundCounts(rows=30, counts={"suffix": 20}, failures=10, rows_by_tasks={"1": 10, "2": 20})
UNANSWERED = RoundCounts(rows=19, rejected=11, rejected_by_reason={"truncated": 9, "refused": 2})


@pytest.mark.parametrize(
    ("rounds", "responses", "line"),
    [
        ([GOOD], None, GOOD_LINE), ([GOOD], RoundCounts(rows=30), GOOD_LINE),
        ([HELD], None, "30 rows: no chain, 30 held"),
        (
            [GOOD, FROZEN], UNANSWERED,
            "30 rows: 12 chains of 2 tasks, 18 held, 11 without a response (9 truncated, 2 refused)",
        ),
        ([RoundCounts()], None, "0 rows: no chain"),
        ([RoundCounts(rows=1, counts={"suffix": 1}, rows_by_tasks={"2": 1})], None, "1 row: 1 chain of 2 tasks"),
    ],
)  # fmt: skip
def test_the_line_of_a_corpus(rounds: list[RoundCounts], responses: RoundCounts | None, line: str) -> None:
    assert corpus_line("mine", rounds, responses) == f"mine: {line}"


@pytest.mark.parametrize(
    ("rounds", "responses", "warning"),
    [
        ([GOOD], None, ""),
        ([GOOD, FROZEN], RoundCounts(rows=30), ""),
        ([RoundCounts()], None, ""),
        ([HELD], None, "no row is a sequence of tasks"),
        ([GOOD, IDLE], None, "round 2 changed no row"),
        ([LOST], None, "10 of 30 rows failed in round 1"),
        ([GOOD], UNANSWERED, "11 of 30 rows have no response"),
        ([HELD, HELD], UNANSWERED, "no row is a sequence of tasks, 11 of 30 rows have no response"),
    ],
)
def test_what_is_warned_of(rounds: list[RoundCounts], responses: RoundCounts | None, warning: str) -> None:
    remedy = "; change its policy, its prompts or the model; `seqit show mine` shows why"
    assert corpus_warnings("mine", rounds, responses) == ([f"mine: {warning}{remedy}"] if warning else [])


ENDS = st.sampled_from([("suffix", "ok"), ("hold", "ok"), ("", "unparsed"), ("prefix", "failed")])


@given(st.lists(ENDS, max_size=20))
def test_every_row_is_a_chain_or_held_or_failed(ends: list[tuple[str, str]]) -> None:
    rows = [
        record(f"Do {n}.", Step("rewrite", action, status, 1, "HTTP 422: no such field" if status == "failed" else ""))  # type: ignore[arg-type]
        for n, (action, status) in enumerate(ends)
    ]
    stats = RoundStats("rewrite")
    list(stats.records(rows))
    summary = stats.summary()
    chains = sum(count for tasks, count in summary["rows_by_tasks"].items() if tasks != "1")
    assert chains + sum(summary["single_tasks_by_outcome"].values()) == summary["rows"] == len(ends)
    assert summary["single_tasks_by_outcome"].keys() <= {"held", "unparsed", "HTTP 422"}
