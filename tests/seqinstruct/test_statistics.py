"""Table 4's numbers."""

from stages.core.records import Rejected, Step
from stages.core.row_history import tasks
from stages.seqinstruct.round_statistics import RoundStats
from tests.seqinstruct.models import record


def step(action: str, status: str = "ok", number: int = 1, reason: str = "") -> Step:
    return Step(stage="rewrite", action=action, status=status, round=number, reason=reason)  # type: ignore[arg-type]


ROWS = [
    record("a", step("suffix")),
    record("b", step("prefix"), step("hold", number=2)),
    record("c", step("hold"), step("hold", "frozen", 2)),
    record("d", step("prefix", "rejected", reason="same")),
    record("e", step("", "unparsed", reason="no option named")),
    record("f", step("suffix"), step("decompose", number=2)),
]


def test_failures_are_no_actions_and_frozen_rows_are_apart() -> None:
    stats = RoundStats("rewrite")
    assert list(stats.records(ROWS)) == ROWS
    summary = stats.summary()
    assert summary["actions"] == {"decompose": 0.3333, "suffix": 0.3333, "hold": 0.3333}
    assert summary["actions_with_frozen"] == {"decompose": 0.25, "suffix": 0.25, "hold": 0.5}
    assert summary["frozen"] == 1 and summary["failures"] == 2
    assert summary["failures_by_status"] == {"rejected": 1, "unparsed": 1}
    assert summary["failures_by_reason"] == {"no option named": 1, "same": 1}
    assert sum(summary["counts"].values()) + summary["frozen"] + summary["failures"] == summary["rows"] == 6


def test_number_of_tasks() -> None:
    assert [tasks(row) for row in ROWS] == [2, 2, 1, 1, 1, 3]
    stats = RoundStats("rewrite")
    list(stats.records(ROWS))
    assert stats.summary()["tasks"] == 1.67


def test_tokens_of_what_the_user_and_the_model_said() -> None:
    stats = RoundStats("respond", lambda texts: [len(text.split()) for text in texts])
    rows = [record("one two", input="three", response="four"), record("one", response="two three")]
    list(stats.split([("rows", row) for row in rows] + [("rejected", Rejected("x", "empty", "", {}))]))  # type: ignore[list-item]
    summary = stats.summary()
    assert (summary["tokens_input"], summary["tokens_output"]) == (2.0, 1.5)
    assert summary["rejected"] == 1 and summary["rejected_by_reason"] == {"empty": 1}


def test_nothing_is_summed_up_too() -> None:
    assert RoundStats("rewrite").summary()["rows"] == 0
