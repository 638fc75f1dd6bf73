"""What a verification says: per check, how much was compared, what differs, and what could not be compared."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

import msgspec

from stages.verification.set_columns import Row


class Mismatch(msgspec.Struct, frozen=True):
    """One difference, named by file, row and field."""

    file: str
    row: str
    """The row's id; "" for what is of the whole file."""
    field: str
    """The column, a field of `steps`, or a field of provenance.json; "" for the whole file."""
    message: str


class CheckResult(msgspec.Struct, frozen=True):
    """The outcome of one check."""

    name: str
    unit: str
    """What `compared` counts."""
    compared: int
    mismatches: list[Mismatch]
    unchecked: dict[str, int]
    """Reason -> how many could not be compared for it."""


class CheckLog:
    """Collects the outcome of one check."""

    def __init__(self, name: str, unit: str) -> None:
        """Nothing is compared yet."""
        self.name, self.unit = name, unit
        self.compared = 0
        self.mismatches: list[Mismatch] = []
        self.unchecked: Counter[str] = Counter()

    def agrees(self, count: int = 1) -> None:
        """Count what was compared and is equal."""
        self.compared += count

    def differs(self, file: str, row: str, field: str, message: str) -> None:
        """Count what was compared and is not equal."""
        self.compared += 1
        self.mismatches.append(Mismatch(file, row, field, message))

    def skip(self, reason: str, count: int = 1) -> None:
        """Count what could not be compared."""
        if count:
            self.unchecked[reason] += count

    def result(self) -> CheckResult:
        """The outcome so far."""
        return CheckResult(self.name, self.unit, self.compared, list(self.mismatches), dict(self.unchecked))


def merged(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The outcomes of several sets, one for each name of a check, in the order in which names come first."""
    by_name: dict[str, CheckResult] = {}
    for one in results:
        if (known := by_name.get(one.name)) is None:
            by_name[one.name] = one
            continue
        unchecked = Counter(known.unchecked) + Counter(one.unchecked)
        by_name[one.name] = CheckResult(
            one.name, one.unit, known.compared + one.compared, [*known.mismatches, *one.mismatches], dict(unchecked)
        )
    return list(by_name.values())


class RowCheck(Protocol):
    """A check that sees every row once, in order."""

    def add(self, row: Row) -> None:
        """Take the next row."""

    def results(self) -> list[CheckResult]:
        """The outcomes, after the last row."""


def summary(results: list[CheckResult], limit: int = 20) -> str:
    """The outcomes as text: a line for each check, then its first `limit` differences and what was not compared."""
    lines = []
    for one in results:
        sign = "✗" if one.mismatches else "✓" if one.compared else "-"
        differ = f", {len(one.mismatches):,} differ" if one.mismatches else ""
        lines.append(f"{sign} {one.name}: {one.compared:,} {one.unit} compared{differ}")
        for mismatch in one.mismatches[:limit]:
            where = " ".join(part for part in (mismatch.file, mismatch.row, mismatch.field) if part)
            lines.append(f"    {where}: {mismatch.message}")
        if len(one.mismatches) > limit:
            lines.append(f"    and {len(one.mismatches) - limit:,} more; --json names all")
        lines += [f"    not compared: {count:,}, {reason}" for reason, count in sorted(one.unchecked.items())]
    return "\n".join(lines)
