"""Statistics of a corpus in a round, as in the paper's Table 4: shares of actions, lengths, failures, tasks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from stages.core import row_history
from stages.core.records import Record, Rejected, user_text
from stages.seqinstruct.parse_choice import LETTERS
from stages.seqinstruct.response_constraints import CheckStats

Row = TypeVar("Row", Record, "Record | Rejected")
CHUNK = 256
"""Texts tokenised at a time."""


class RoundStats:
    """Counts rows as they pass; `summary` has the result."""

    def __init__(self, stage: str, count: Callable[[Sequence[str]], list[int]] | None = None) -> None:
        """For steps of `stage`; `count` gives the numbers of tokens of texts, None leaves lengths out."""
        self._stage, self._count = stage, count
        self._ends: Counter[tuple[str, str, str]] = Counter()
        self._rejected: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._waiting: list[Record] = []
        self._tasks: Counter[int] = Counter()
        self._single: Counter[str] = Counter()
        self._rows = 0
        self._checks = CheckStats()

    def records(self, rows: Iterable[Record]) -> Iterator[Record]:
        """The same rows, counted."""
        for row in rows:
            self._see(row)
            yield row

    def split(self, rows: Iterable[tuple[str, Record | Rejected]]) -> Iterator[tuple[str, Record | Rejected]]:
        """The same named rows, counted; the rejected by their reason."""
        for name, row in rows:
            if isinstance(row, Rejected):
                self._rejected[row.reason] += 1
            else:
                self._see(row)
            yield name, row

    def summary(self) -> dict[str, Any]:
        """Rows in and out, the rejected by reason, outcomes of the steps, numbers of tasks, mean tokens.

        single_tasks_by_outcome: rows to which no round added a task, by "held" or the cause of the last failure.
        """
        self._measure()
        rejected = self._rejected.total()
        return {
            "rows": self._rows, "rejected": rejected, "rejected_by_reason": dict(sorted(self._rejected.items())),
            **self._outcomes(), "tasks": _mean(sum(n * rows for n, rows in self._tasks.items()), self._rows),
            "rows_by_tasks": {str(number): rows for number, rows in sorted(self._tasks.items())},
            "single_tasks_by_outcome": dict(sorted(self._single.items())),
            **{f"tokens_{side}": _mean(total, self._rows) for side, total in sorted(self._tokens.items())},
            **self._checks.summary(),
        }  # fmt: skip

    def losses(self) -> dict[str, dict[str, int]]:
        """What happened to rows without a result ("unchanged", "rejected") -> reason -> rows.

        An unchanged row is kept as it was, because its step was unparsed, rejected by a filter, truncated, refused or
        failed; an error of the engine counts as "failed".
        """
        unchanged: Counter[str] = Counter()
        for (_, status, reason), number in self._ends.items():
            if status not in ("ok", "frozen"):
                unchanged[reason if status == "rejected" and reason else status] += number
        return {"unchanged": dict(unchanged), "rejected": dict(self._rejected)}

    def _see(self, row: Record) -> None:
        self._rows += 1
        self._tasks[row_history.tasks(row)] += 1
        last = row_history.last_attempt(row)
        if last is not None and row_history.tasks(row) == 1:
            self._single["held" if row_history.action(row) else row_history.cause(last)] += 1
        step = next((s for s in reversed(row.steps) if s.stage == self._stage and s.action != "respond"), None)
        step = step or next((s for s in reversed(row.steps) if s.stage == self._stage), None)
        if step is not None:
            self._ends[step.action, step.status, step.reason] += 1
        if self._stage == "respond":
            self._checks.add(row)
        if self._count is not None:
            self._waiting.append(row)
            if len(self._waiting) >= CHUNK:
                self._measure()

    def _measure(self) -> None:
        if self._count is not None and self._waiting:
            self._tokens["input"] += sum(self._count([user_text(row) for row in self._waiting]))
            self._tokens["output"] += sum(self._count([row.response for row in self._waiting]))
            self._waiting.clear()

    def _outcomes(self) -> dict[str, Any]:
        done, failed = _part(self._ends, {"ok", "truncated"}), Counter(self._ends)
        frozen = _part(self._ends, {"frozen"})
        for key in [k for k in failed if k[1] in ("ok", "frozen")]:
            del failed[key]
        return {
            "actions": _shares(done), "actions_with_frozen": _shares(done + frozen),
            "counts": dict(sorted(done.items())), "frozen": frozen.total(), "failures": failed.total(),
            "failures_by_status": _by(failed, 1), "failures_by_reason": _by(failed, 2),
        }  # fmt: skip


def _part(ends: Counter[tuple[str, str, str]], statuses: set[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (action, status, _), number in ends.items():
        if status in statuses:
            counts[action] += number
    return counts


def _by(ends: Counter[tuple[str, str, str]], place: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, number in ends.items():
        counts[key[place] or key[1]] += number
    return dict(sorted(counts.items()))


def _shares(counts: Counter[str]) -> dict[str, float]:
    names = [*LETTERS.values(), *sorted(counts.keys() - set(LETTERS.values()))]
    return {name: round(counts[name] / counts.total(), 4) for name in names if name in counts}


def _mean(total: int, number: int) -> float:
    return round(total / number, 2) if number else 0.0
