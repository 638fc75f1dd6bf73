"""Compares two versions of a published set: equal, added, removed and changed rows, each with its cause.

One version is held as summaries of some 300 bytes a row while the other one streams past, so time grows with the number
of rows and memory with that of the rows that are not equal. Rows that the files of row hashes name as equal are not
read at all.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from stages.core.errors import UserError
from stages.publishing.changes.change_types import ORDER, Cause, ChangedRows, Changes, RowChange
from stages.publishing.changes.fact_changes import fact_changes
from stages.publishing.changes.published_version import (
    Version,
    columns_of,
    row_hashes,
)
from stages.publishing.changes.row_summaries import (
    INSTRUCTION,
    OUTPUT,
    Summariser,
    Summary,
    unpacked,
)
from stages.publishing.changes.step_causes import Seeds, difference

HASH_IN_ID = re.compile(r"-[0-9a-f]{16}(?![0-9a-f])")
EXAMPLES = 3
LeftOut = Callable[[set[str]], Mapping[str, Cause]]
"""Ids of rows that one version has not -> why, for those of which it is known."""
Rows = dict[str, bytes]
"""Id -> packed summary."""


def _unknown(_: set[str]) -> Mapping[str, Cause]:
    return {}


class _Group:
    """The rows of one cause, counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []


class _Log:
    """Groups rows by cause, and hands each to whoever lists them."""

    def __init__(self, listed: Callable[[RowChange], None] | None) -> None:
        self.groups: dict[tuple[str, Cause], _Group] = {}
        self._listed = listed

    def add(self, row: RowChange, *effects: str) -> None:
        """Count a row with its effects."""
        group = self.groups.setdefault((row.change, row.cause), _Group())
        group.counts.update(("rows", *effects))
        if len(group.examples) < EXAMPLES:
            group.examples.append(row.id)
        if self._listed:
            self._listed(row)

    def total(self, change: str) -> int:
        """Number of rows with a change."""
        return sum(group.counts["rows"] for (kind, _), group in self.groups.items() if kind == change)

    def result(self) -> list[ChangedRows]:
        """The groups in the order of origin, larger ones first."""
        made = [
            ChangedRows(
                change, cause, group.counts["rows"], group.counts["actions"], group.counts[INSTRUCTION],  # type: ignore[arg-type]
                group.counts[OUTPUT], group.examples,
            )
            for (change, cause), group in self.groups.items()
        ]  # fmt: skip
        return sorted(made, key=lambda one: (one.change != "changed", ORDER[one.cause.kind], -one.rows, one.cause))


def compare_versions(
    before: Version,
    after: Version,
    *,
    listed: Callable[[RowChange], None] | None = None,
    left_out: tuple[LeftOut, LeftOut] = (_unknown, _unknown),
) -> Changes:
    """What changed from one version to another.

    listed: gets every row that differs. left_out: what is known of rows that the older, and the newer version has not.
    Raises UserError for files that can't be read, and for versions without a row in common.
    """
    return _Comparison(before, after, listed).run(left_out)


class _Comparison:
    """The state of one comparison."""

    def __init__(self, before: Version, after: Version, listed: Callable[[RowChange], None] | None) -> None:
        self._before, self._after, self._log = before, after, _Log(listed)
        self._names = columns_of(before), columns_of(after)
        columns = [name for name in self._names[1].names if name in self._names[0].names]
        self._summariser = Summariser(columns, all(one.has_texts for one in self._names))
        seeds = [version.facts.seed if version.facts else msgspec.UNSET for version in (before, after)]
        self._seeds: Seeds = tuple(seed if isinstance(seed, int) else None for seed in seeds)  # type: ignore[assignment]

    def run(self, left_out: tuple[LeftOut, LeftOut]) -> Changes:
        """Compare."""
        known = self._known_equal()
        equal, removed, added = self._matched(known)
        equal += len(known)
        self._pair_places(removed, added)
        self._one_sided("removed", removed, left_out[1], self._after)
        self._one_sided("added", added, left_out[0], self._before)
        changed = self._log.total("changed")
        if not equal and not changed and (removed or added):
            names = f"{self._before.name} and {self._after.name}"
            raise UserError(f"{names}: have no row in common; name two versions of one set")
        columns = tuple(list(one.names) for one in self._names)
        return Changes(
            self._before.number, self._after.number, fact_changes(self._before.facts, self._after.facts, columns),  # type: ignore[arg-type]
            equal, self._log.total("added"), self._log.total("removed"), changed, self._log.result(),
        )  # fmt: skip

    def _known_equal(self) -> set[str]:
        """Ids of rows whose hashes are published and equal; none where the two versions have other columns."""
        if list(self._names[0].names.items()) != list(self._names[1].names.items()):
            return set()
        before = row_hashes(self._before)
        after = row_hashes(self._after) if before else None
        if not before or not after:
            return set()
        hashes = dict(before)
        if len(hashes) != len(before) or len({id for id, _ in after}) != len(after):  # an id of several rows
            return set()
        return {id for id, hashed in after if hashes.get(id) == hashed}

    def _matched(self, known: set[str]) -> tuple[int, Rows, Rows]:
        """The number of equal rows, and those that only the older and only the newer version has; logs changed ones."""
        first, second = (one.names for one in self._names)
        rest = dict(self._summariser.summaries(self._before, first, known))
        equal, added = 0, {}
        for id, packed in self._summariser.summaries(self._after, second, known):
            other = rest.pop(id, None)
            if other is None:
                added[id] = packed
            elif other == packed:
                equal += 1
            else:
                self._changed(id, "", other, packed)
        return equal, rest, added

    def _changed(self, id: str, id_before: str, packed_before: bytes, packed_after: bytes) -> None:
        before, after = unpacked(packed_before), unpacked(packed_after)
        columns = self._summariser.changed(before, after)
        reason = difference(self._summariser, self._seeds, before, after, columns)
        effects = [*(["actions"] if reason.is_other_action else []), *({INSTRUCTION, OUTPUT} & columns)]
        row = RowChange("changed", id, id_before, reason.step, reason.cause, list(reason.also))
        self._log.add(row, *effects)

    def _pair_places(self, removed: Rows, added: Rows) -> None:
        """Log as changed, and take out, the rows of one place in the source, where no other row is of it."""
        places = [self._places(rows) for rows in (removed, added)]
        for place, id in places[1].items():
            other = places[0].get(place)
            if id and other:
                self._changed(id, other if other != id else "", removed.pop(other), added.pop(id))

    def _places(self, rows: Rows) -> dict[tuple[str, int, str], str]:
        """(source without its revision, position, what follows the hash in the id) -> id; "" for several ids."""
        places: dict[tuple[str, int, str], str] = {}
        for id, packed in rows.items():
            summary = unpacked(packed)
            reference = _unpinned(self._summariser.words.values[summary.reference])
            if reference and summary.row >= 0:
                end = HASH_IN_ID.search(id)
                place = reference, summary.row, id[end.end() :] if end else ""
                places[place] = "" if place in places else id
        return places

    def _one_sided(self, change: str, rows: Rows, left_out: LeftOut, other: Version) -> None:
        """Log rows that only one version has, with what is known of why the other one has them not."""
        why = left_out(set(rows)) if rows else {}
        sources = {_unpinned(source[0]) for source in other.facts.sources} if other.facts else set()
        for id, packed in rows.items():
            cause = why.get(id) or self._absence(unpacked(packed), sources)
            self._log.add(RowChange(change, id, "", "", cause, []))  # type: ignore[arg-type]

    def _absence(self, summary: Summary, sources: set[str]) -> Cause:
        reference = _unpinned(self._summariser.words.values[summary.reference])
        if reference and sources and reference not in sources:
            return Cause("sources", what=reference)
        last = self._summariser.steps.values[summary.steps[-1][0]] if summary.steps else None
        if last is not None and last.stage == "sample":
            return Cause("selection", what=last.action)
        return Cause("absent")


def _unpinned(reference: str) -> str:
    """A reference without the revision: hub:org/name@revision#file."""
    if not reference.startswith("hub:"):
        return reference
    whole, hash, file = reference.partition("#")
    return f"{whole.partition('@')[0]}{hash}{file}"


def in_order(rows: list[RowChange]) -> list[RowChange]:
    """Rows that differ, in the order of the causes."""
    return sorted(rows, key=lambda row: (row.change != "changed", ORDER[row.cause.kind], row.cause, row.id))
