"""Training rows before and after Seq-Instruct, a seeded draw of them for the page."""

from collections.abc import Iterable
from typing import NamedTuple

from stages.core.records import Record, user_text
from stages.core.row_history import REWRITING, tasks
from stages.reporting.case_selection import draw

MOST = 2000
"""Rows that are drawn."""


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


def row_set(before: Iterable[Record], after: Iterable[Record], seed: int, most: int = MOST) -> RowSet:
    """`most` rows that are in both, drawn by the seed."""
    old = {record.id: record for record in before}
    both = [record for record in after if record.id in old]
    changed = sum(record.instruction != old[record.id].instruction for record in both)
    picked = sorted(both, key=lambda record: draw(seed, record.id))[:most]
    return RowSet(len(both), changed, tuple(_pair(old[record.id], record) for record in picked))


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
