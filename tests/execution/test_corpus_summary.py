"""What a run says of each corpus at its end, and what it warns of."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core import artifacts
from stages.core.records import Step
from stages.execution.corpus_summary import (
    KEPT,
    LIMIT,
    REMEDY,
    RESPONSE_REMEDY,
    RoundCounts,
    corpus_line,
    corpus_warnings,
)
from stages.respond import CHANGE
from stages.seqinstruct.round_statistics import RoundStats
from stages.validation.suites import Suite
from tests.seqinstruct.models import record

ROOT = Path(__file__).resolve().parents[2]
GOOD = RoundCounts(
    rows=30, counts={"suffix": 12, "hold": 15}, failures=3, rows_by_tasks={"1": 18, "2": 7, "3": 5},
    single_tasks_by_outcome={"held": 15, "unparsed": 2, "HTTP 422": 1},
)  # fmt: skip
GOOD_LINE = "30 rows: 12 chains of 2 to 3 tasks, 15 held, 3 failed (2 unparsed, 1 HTTP 422)"
HELD = RoundCounts(rows=30, counts={"hold": 30}, rows_by_tasks={"1": 30}, single_tasks_by_outcome={"held": 30})
FROZEN = RoundCounts(rows=30, frozen=30, rows_by_tasks={"1": 18, "2": 12}, single_tasks_by_outcome={"held": 18})
IDLE = RoundCounts(rows=30, frozen=10, counts={"hold": 20}, rows_by_tasks={"1": 10, "2": 20})
LOST = RoundCounts(rows=30, counts={"suffix": 20}, failures=10, rows_by_tasks={"1": 10, "2": 20})
FIRST = RoundCounts(rows=30, counts={"suffix": 25}, failures=5, rows_by_tasks={"1": 5, "2": 25})
SECOND = RoundCounts(
    rows=30, counts={"suffix": 17}, failures=13, rows_by_tasks={"1": 2, "2": 14, "3": 14},
    single_tasks_by_outcome={"unparsed": 2},
)  # fmt: skip
"""The rounds of the second trial: no row of the first round is lost in the second."""
UNANSWERED = RoundCounts(rows=19, rejected=11, rejected_by_reason={"truncated": 9, "refused": 2})


@pytest.mark.parametrize(
    ("rounds", "responses", "line"),
    [
        ([GOOD], None, GOOD_LINE), ([GOOD], RoundCounts(rows=30), GOOD_LINE),
        ([HELD], None, "30 rows: no chain, 30 held"),
        (
            [GOOD, FROZEN], UNANSWERED,
            "30 rows: 12 chains of 2 tasks, 18 held, 11 without a response (9 truncated, 2 refused); "
            "attempts that failed and left a row as it was: 3 in round 1",
        ),
        (
            [FIRST, SECOND], RoundCounts(rows=30, failures=4, failures_by_status={"truncated": 4}),
            "30 rows: 28 chains of 2 to 3 tasks, 2 failed in every round (2 unparsed), 4 responses truncated (at the "
            "token limit); attempts that failed and left a row as it was: 5 in round 1, 13 in round 2",
        ),
        ([GOOD], RoundCounts(rows=30, failures_by_status={"truncated": 1}),
         f"{GOOD_LINE}, 1 response truncated (at the token limit)"),
        ([RoundCounts()], None, "0 rows: no chain"),
        ([RoundCounts(rows=1, counts={"suffix": 1}, rows_by_tasks={"2": 1})], None, "1 row: 1 chain of 2 tasks"),
    ],
)  # fmt: skip
def test_the_line_of_a_corpus(rounds: list[RoundCounts], responses: RoundCounts | None, line: str) -> None:
    assert corpus_line("mine", rounds, responses) == f"mine: {line}"


ROUNDS_ADVICE = f"; {REMEDY}; `seqit show mine` shows why"
FAILED_ADVICE = f"; {REMEDY}; {LIMIT}; `seqit show mine --rejected` shows why"


@pytest.mark.parametrize(
    ("rounds", "responses", "warning"),
    [
        ([GOOD], None, ""),
        ([GOOD, FROZEN], RoundCounts(rows=30), ""),
        ([RoundCounts()], None, ""),
        ([HELD], None, f"no row is a sequence of tasks{ROUNDS_ADVICE}"),
        ([GOOD, IDLE], None, f"round 2 changed no row{ROUNDS_ADVICE}"),
        ([LOST], None, f"10 of 30 rows failed in round 1{FAILED_ADVICE}"),
        ([FIRST, SECOND], None, f"13 of 30 rows failed in round 2{KEPT}{FAILED_ADVICE}"),
        (
            [GOOD], UNANSWERED,
            f"11 of 30 rows have no response; {RESPONSE_REMEDY}; {LIMIT}; `seqit show mine --rejected` shows why",
        ),
        (
            [HELD, HELD], UNANSWERED,
            f"no row is a sequence of tasks, 11 of 30 rows have no response; {REMEDY}; {RESPONSE_REMEDY}; {LIMIT}; "
            "`seqit show mine --rejected` shows why",
        ),
    ],
)  # fmt: skip
def test_what_is_warned_of(rounds: list[RoundCounts], responses: RoundCounts | None, warning: str) -> None:
    assert corpus_warnings("mine", rounds, responses) == ([f"mine: {warning}"] if warning else [])


@pytest.mark.parametrize(("limit", "warned"), [(None, False), (0.5, False), (0.05, True), (0.1, False)])
def test_a_round_that_loses_more_than_max_failed_is_warned_of(limit: float | None, warned: bool) -> None:
    assert bool(corpus_warnings("mine", [GOOD], None, limit)) is warned


def test_warnings_advise_what_the_stages_advise() -> None:
    suite = artifacts.read_json(ROOT / "schemas/rewritten.json", Suite)
    (failure,) = (one.meta["failure"] for one in suite.expectations if one.kwargs.get("column") == "outcome=lost")
    assert REMEDY in failure and "validate.max_failed" in failure and "validate.max_failed" in LIMIT
    assert all(word in REMEDY for word in ("policy", "prompts", "attempts", "model")) and CHANGE == RESPONSE_REMEDY


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
