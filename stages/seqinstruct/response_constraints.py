"""Verifiable constraints as added tasks: in a round, a share of the rows gets one that a rule can check.

No request is made for such a row: the wording is ours, and the draw belongs to the row. The constraint is about the
whole response, so nothing is added after it but further constraints: in later rounds a row with constraints gets
another one, in the same share, or is frozen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from stages.core.completions import seed_for
from stages.core.records import Record
from stages.seqinstruct.pending_rows import PendingRow
from stages.verified.constraint_drawing import draw_constraint
from stages.verified.response_checks import check_response

ACTION = "constrain"
"""The action of a step that added a constraint."""


def constrain_rows(
    pending_rows: Iterable[PendingRow], share: float, seed: int, round: int
) -> Iterator[PendingRow]:  # fmt: skip
    """The rows in order, those with a new constraint settled; those with earlier ones alone frozen.

    share: of the rows that are not on hold, 0 to 1; fewer get one where no constraint suits the instruction.
    """
    return (_constrained(pending, share, seed, round) for pending in pending_rows)


def _constrained(pending: PendingRow, share: float, seed: int, round: int) -> PendingRow:
    if pending.done:
        return pending
    record, earlier = pending.record, pending.record.checks or ()
    random = seed_for(seed, record.id, f"constrain:{round}")
    chosen = random.random() < share
    drawn = draw_constraint(random, record.instruction, record.source.language, earlier) if chosen else None
    if drawn is not None:
        settled = pending.settled(text=f"{_closed(record.instruction)} {drawn.sentence}")
        return replace(settled, action=ACTION, checks=(*earlier, drawn.check))
    return replace(pending, action="hold", status="frozen", done=True) if earlier else pending


def _closed(instruction: str) -> str:
    """The instruction with a full stop if it ends in a letter or digit."""
    text = instruction.rstrip()
    return f"{text}." if text[-1:].isalnum() else text


class CheckStats:
    """Counts which checks the responses of rows satisfy."""

    def __init__(self) -> None:
        """All counts are zero."""
        self._seen: Counter[str] = Counter()
        self._satisfied: Counter[str] = Counter()
        self._rows = self._all = 0

    def add(self, record: Record) -> None:
        """Count a row with its response; one without checks changes nothing."""
        if not record.checks:
            return
        results = check_response(record.response, record.checks)
        self._rows += 1
        self._all += all(result.satisfied for result in results)
        for result in results:
            self._seen[result.name] += 1
            self._satisfied[result.name] += result.satisfied

    def summary(self) -> dict[str, Any]:
        """Rows with checks, the shares of rows with all and of checks that are satisfied, and by name; or {}."""
        if not self._rows:
            return {}
        by_name = {
            name: {"rows": count, "satisfied": round(self._satisfied[name] / count, 4)}
            for name, count in sorted(self._seen.items())
        }
        satisfied = self._satisfied.total() / self._seen.total()
        return {
            "checks": {
                "rows": self._rows, "all_satisfied": round(self._all / self._rows, 4),
                "satisfied": round(satisfied, 4), "by_name": by_name,
            }
        }  # fmt: skip
