"""The paper's comparisons (5.1), each as the rows of its sets and the page that shows them."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from stages.ablations.budget import budget
from stages.ablations.length_report import page
from stages.ablations.pairs import Certificate, pairs
from stages.ablations.row_lengths import Arm, Count, arm, measured
from stages.ablations.split import Split, losses, single, statistics
from stages.ablations.turns import turns
from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Step


class Sets(NamedTuple):
    """What is written of an ablation."""

    rows: Mapping[str, Iterable[Record | Rejected]]
    """What the set's name ends with ("" for the one that the ablation is about, ".rejected" for what came into none) ->
    its rows, in order."""
    page: dict[str, Any]
    lost: Mapping[str, Mapping[str, int]] = {}
    """What happened to source rows of which not every part is there ("rejected", "whole") -> reason -> rows."""
    shortage: str = ""
    """What was wanted of it and is not there, in words; "" for nothing."""

    def tagged(self) -> Iterator[tuple[str, Record | Rejected]]:
        """Each row with its set."""
        return ((part, record) for part, records in self.rows.items() for record in records)


class Drawn(NamedTuple):
    """What a comparison at equal length takes of its two sets."""

    arms: Mapping[str, Arm]
    rows: Mapping[str, Sequence[int]]
    """Set -> its rows that were drawn, 0-based. A set that is kept whole is not in it."""
    page: dict[str, Any]
    action: str
    certificate: Certificate | None = None
    shortage: str = ""
    """What was wanted and is not there, in words."""

    def sets(self, read: Callable[[str], Iterable[Record]]) -> Sets:
        """The rows themselves, lazily. read: a set's name -> its records."""
        named = dict(zip(self.rows, ("", ".like"), strict=False))
        drawn = {part: self._drawn(name, read) for name, part in named.items()}
        return Sets(drawn, self.page, shortage=self.shortage)

    def _drawn(self, name: str, read: Callable[[str], Iterable[Record]]) -> Iterator[Record]:
        return drawn(read(name), {*self.rows[name]}, self.arms[name], name, self.action)


def data_level(arms: Mapping[str, Arm], seed: int) -> Drawn:
    """Rows of the first set until their tokens equal those of the second, which stays whole."""
    (name, whole), (other, like) = arms.items()
    taken = budget(whole, sum(like.lengths), seed)
    told = page(arms, {name: _part(whole, taken), other: like})
    wanted, there = sum(like.lengths), sum(whole.lengths)
    short = f"wanted {wanted:,} tokens of {name}, it has {there:,}" if there < wanted else ""
    return Drawn(arms, {name: taken}, told, "budget", shortage=short)


def instance_level(arms: Mapping[str, Arm], seed: int, tolerance: int) -> Drawn:
    """The most rows of both sets that pair off with a row of the other of equal length, and the proof."""
    (name, first), (other, second) = arms.items()
    found = pairs(first, second, seed, tolerance)
    rows = {name: sorted(found.left), other: sorted(found.right)}
    told = page(arms, {name: _part(first, rows[name]), other: _part(second, rows[other])})
    most = found.certificate.bound(first.lengths, second.lengths)
    matching = {"pairs": len(found.left), "no_matching_has_more_than": most, "tolerance": tolerance}
    wanted, got = min(len(first.ids), len(second.ids)), len(found.left)
    short = (
        f"wanted a pair for each of {wanted:,} rows, {got:,} pair off (tolerance {tolerance})" if got < wanted else ""
    )
    return Drawn(arms, rows, told | {"matching": matching}, "pairs", found.certificate, short)


def task_level(found: Sequence[Split], reads: str, count: Count) -> Sets:
    """Rows with one task each, and the same tasks as turns. reads: what the page calls the set that was taken apart.

    Their page counts the tokens of the responses, and source rows by id.
    """
    parts = {"": [record for one in found for record in single(one)], ".turns": [turns(one) for one in found]}
    sources = {"": [one.record.id for one in found for _ in one.tasks], ".turns": [one.record.id for one in found]}
    whole = arm(measured((one.record for one in found), count), "output")
    named = {"single tasks": "", "turns": ".turns"}
    after = {
        title: Arm(sources[part], arm(measured(parts[part], count), "output").lengths) for title, part in named.items()
    }
    return Sets(parts, page({reads: whole}, after) | {"taken_apart": statistics(found)}, losses(found))


def _part(whole: Arm, rows: Sequence[int]) -> Arm:
    return Arm([whole.ids[row] for row in rows], [whole.lengths[row] for row in rows])


def drawn(records: Iterable[Record], rows: Container[int], whole: Arm, name: str, action: str) -> Iterator[Record]:
    """Those of a set's records that were drawn, in order, lazily.

    Raises UserError if the lengths that were drawn by are of other rows than these.
    """
    step = Step(stage="sample", action=action, status="ok")
    for number, (record, id) in enumerate(zip_longest(records, whole.ids)):
        if record is None or record.id != id:
            raise UserError(f"token_counts/{name}: holds the lengths of other rows than {name} has; run `dvc repro`")
        if number in rows:
            yield record.step(step)
