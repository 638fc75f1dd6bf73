"""Training rows before and after Seq-Instruct, a seeded draw of them for the page."""

import heapq
from collections.abc import Iterable
from typing import Any, NamedTuple

from stages.core.records import Record, user_text
from stages.core.row_history import REWRITING, tasks
from stages.reporting.case_selection import draw

MOST = 2000
"""Rows that are drawn."""
SHOWN = 6
"""Changed rows that the first page shows."""


class RowPair(NamedTuple):
    """One row before and after all rounds."""

    id: str
    corpus: str
    before: str
    """Instruction and input."""
    after: str
    response_before: str
    response_after: str
    actions: tuple[str, ...]
    """Of the rounds that changed the row, in order."""
    steps: tuple[str, ...]
    """What each round did: "round 2: suffix, rejected (repeats)"."""
    tasks: int

    @property
    def changed(self) -> bool:
        """Whether the instruction is another one."""
        return self.before != self.after


class RowSet(NamedTuple):
    """The rows of the page and how many there are in all."""

    rows: int
    changed: int
    """Rows whose instruction was changed, of all."""
    pairs: tuple[RowPair, ...]
    """In the order of the draw."""


class Chain(NamedTuple):
    """A row before Seq-Instruct and after it."""

    before: Record
    after: Record


def read_rows(
    before: Iterable[Record], after: Iterable[Record], seed: int, most: int = MOST, shown: int = SHOWN
) -> tuple[RowSet, list[Chain]]:
    """`most` rows that are in both, drawn by the seed; and `shown` changed rows to read, one of each
    sequence of actions before the others.

    before, after: read twice and once; of all rows only ids and hashes of instructions are held.
    """
    old = {record.id: hash(record.instruction) for record in before}
    both = changed = 0
    drawn: list[tuple[_Reversed, Record]] = []
    to_read = _ToRead(shown)
    for record in after:
        if record.id in old:
            both += 1
            entry = (_Reversed(draw(seed, record.id)), record)
            (heapq.heappush if len(drawn) < most else heapq.heappushpop)(drawn, entry)
            if hash(record.instruction) != old[record.id]:
                changed += 1
                to_read.add(record)
    picked = [record for _, record in sorted(drawn, key=lambda entry: entry[0], reverse=True)]
    kept = to_read.kept()
    ids = {record.id for record in (*picked, *kept)}
    originals = {record.id: record for record in before if record.id in ids}
    rows = RowSet(both, changed, tuple(_pair(originals[record.id], record) for record in picked))
    return rows, [Chain(originals[record.id], record) for record in kept]


class _Reversed:
    """Orders the other way round: the first element of a heap is then the largest."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)


class _ToRead:
    """Of the rows that are added, the first by id with each sequence of actions, and the `shown` first by id."""

    def __init__(self, shown: int) -> None:
        self._shown = shown
        self._of_path: dict[tuple[str, ...], Record] = {}
        self._first: list[tuple[_Reversed, Record]] = []

    def add(self, record: Record) -> None:
        path = tuple(path_of(record))
        if path not in self._of_path or record.id < self._of_path[path].id:
            self._of_path[path] = record
        entry = (_Reversed(record.id), record)
        (heapq.heappush if len(self._first) < self._shown else heapq.heappushpop)(self._first, entry)

    def kept(self) -> list[Record]:
        """The `shown` rows to read: one of each sequence of actions before the others, each by id."""
        firsts = sorted(self._of_path.values(), key=lambda record: record.id)
        of_path = {record.id for record in firsts}
        others = sorted((record for _, record in self._first if record.id not in of_path), key=lambda record: record.id)
        return [*firsts, *others][: self._shown]


def path_of(record: Record) -> list[str]:
    """The actions that changed a row, in order."""
    done = (s for s in record.steps if s.stage == "rewrite" and s.status == "ok" and s.action != "hold")
    return [step.action for step in done]


def _pair(before: Record, after: Record) -> RowPair:
    made = [step for step in after.steps if step.stage in REWRITING and step.action != "respond"]
    actions = tuple(step.action for step in made if step.status == "ok" and step.action != "hold")
    steps = tuple(
        f"round {step.round}: {', '.join(filter(None, (step.action, '' if step.status == 'ok' else step.status)))}"
        f"{f' ({step.reason})' if step.reason else ''}"
        for step in made
    )  # fmt: skip
    return RowPair(
        after.id, after.corpus, user_text(before), user_text(after), before.response, after.response, actions, steps,
        tasks(after),
    )  # fmt: skip
