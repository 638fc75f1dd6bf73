"""A corpus held against benchmarks and against itself: what was found, what goes for it, what stays."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from stages.core.records import Record, Rejected, Step
from stages.decontamination import compared_texts, duplicates, templates
from stages.decontamination.benchmark_index import EXACT, Index, items
from stages.decontamination.overlap_search import Match, Search

Reason = Literal["overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"]
"""Why a row does not walk on.

overlap-exact: what it asks or answers is a text of a benchmark, and nothing else. overlap-ngram: it shares a run of
words with one. duplicate: an earlier row asks the same, word for word. near-duplicate: an earlier row asks nearly that.
"""
EXAMPLES = 3
"""Told of each benchmark, and of near duplicates."""
LONGEST = 200
"""Characters of an example."""


class Rules(NamedTuple):
    """What is looked for, and what goes."""

    shingle: int
    """Words of the runs by which rows are compared with each other."""
    similarity: float
    """Jaccard similarity from which two rows are near duplicates."""
    remove: frozenset[str]
    """The reasons for which rows go; for others they are only reported."""
    ngram: int
    """The n from which on a shared run is a reason to go."""
    numbers: bool = False
    """Whether rows with other numbers are no near duplicates."""
    slot: int = 0
    """Rows that are one text but for up to so many words in one place are no near duplicates."""


class Flag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that was found of a row."""

    id: str
    kind: Reason
    against: str
    """The benchmark, or the id of the row that stays."""
    item: str = ""
    """Of the benchmark."""
    n: int = 0
    """The longest n-gram that they share, of those that were looked for; 0 for none, as in a very short text."""
    side: compared_texts.Side = "asked"
    shared: str = ""
    """Words that they share."""

    @property
    def action(self) -> str:
        """As a step of the row's history calls it: "overlap:mgsm:13-gram"."""
        size = "exact" if self.kind == "overlap-exact" else f"{self.n}-gram"
        return f"overlap:{self.against}:{size}" if self.kind.startswith("overlap") else self.kind


class Survey(NamedTuple):
    """What was found of a corpus."""

    rows: int
    flags: Mapping[str, Sequence[Flag]]
    """Row id -> what was found of it: overlaps first, by benchmark; then duplicates."""
    rules: Rules
    items: Mapping[str, int]
    """Benchmark -> number of its items."""
    turned_up: Mapping[int, Mapping[str, int]]
    """Size -> benchmark -> number of items that some row asks (a part of)."""
    templates: Mapping[str, int] = {}
    """"numbers" and "slot" -> rows that are near duplicates but for that."""

    def split(self, records: Iterable[Record]) -> Iterator[tuple[str, Record | Rejected | Flag]]:
        """The records again, each with the name of the file it belongs to, "kept" or "rejected"; and every flag.

        A record that stays says in its history what was found of it; nothing else of it changes.
        """
        for record in records:
            found = self.flags.get(record.id, ())
            yield from (("flags", flag) for flag in found)
            reason = next((flag for flag in found if goes(flag, self.rules)), None)
            if reason is None:
                actions = list(dict.fromkeys(flag.action for flag in found)) or ["clean"]
                steps = tuple(Step("decontaminate", action, "ok") for action in actions)
                yield "kept", msgspec.structs.replace(record, steps=(*record.steps, *steps))
            else:
                yield "rejected", _rejected(record, reason)

    def metrics(self) -> dict[str, Any]:
        """Rows that go by reason, duplicates, and of each benchmark the rows, responses and items that overlap."""
        every = [flag for flags in self.flags.values() for flag in flags]
        going = (next((flag.kind for flag in flags if goes(flag, self.rules)), None) for flags in self.flags.values())
        removed = Counter(kind for kind in going if kind)
        kinds = Counter(flag.kind for flag in every)
        return {
            "rows": self.rows,
            "kept": self.rows - removed.total(),
            "removed": dict(removed),
            "duplicates": kinds["duplicate"],
            "near_duplicates": kinds["near-duplicate"],
            **({"templates": dict(self.templates)} if self.rules.numbers or self.rules.slot else {}),
            "overlap": {name: self._overlap(name, every) for name in self.items},
            "examples": _examples(every),
        }

    def _overlap(self, benchmark: str, every: Iterable[Flag]) -> dict[str, Any]:
        found = [flag for flag in every if flag.against == benchmark and flag.kind.startswith("overlap")]
        return {"items": self.items[benchmark]} | {
            "exact" if size == EXACT else f"{size}-gram": {
                "rows": sum(_reaches(flag, size) for flag in found if flag.side == "asked"),
                "responses": sum(_reaches(flag, size) for flag in found if flag.side == "response"),
                "items": counts.get(benchmark, 0),
            }
            for size, counts in self.turned_up.items()
        }


def survey(records: Iterable[Record], index: Index, rules: Rules) -> Survey:
    """Hold each record against the texts of benchmarks, and against the records before it in their source.

    Which row of several that are alike stays does not depend on the order in which they come here: it is the first of
    its upstream file. Memory grows by some 40 bytes a word of what is asked.
    """
    reader = _Reader(index, rules)
    for chunk in compared_texts.chunks(records):
        reader.add(chunk)
    return reader.survey()


def goes(flag: Flag, rules: Rules) -> bool:
    """Whether this is a reason for the row to go."""
    if flag.kind in ("duplicate", "near-duplicate"):
        return flag.kind in rules.remove
    exact = flag.kind == "overlap-exact" and flag.kind in rules.remove
    return exact or ("overlap-ngram" in rules.remove and flag.n >= rules.ngram)


class _Reader:
    """What must be known of every row before anything can be said of one."""

    def __init__(self, index: Index, rules: Rules) -> None:
        self._index, self._rules = index, rules
        self._searches: dict[compared_texts.Side, Search] = {"asked": Search(index), "response": Search(index)}
        self._ids: list[str] = []
        self._places: list[tuple[str, int, str]] = []
        self._keys: list[bytes] = []
        self._shingles: list[tuple[duplicates.Shingles, ...]] = []
        self._flags: dict[int, list[Flag]] = {}
        self._texts: list[templates.Text] = []
        self._apart: dict[int, str] = {}

    def add(self, chunk: Sequence[Record]) -> None:
        """Rows that come behind those that were added before."""
        for side, search in self._searches.items():
            owners = [row for row, record in enumerate(chunk) for _ in compared_texts.sides(record, side)]
            matches = search(text for record in chunk for text in compared_texts.sides(record, side))
            for row, flag in _overlaps(chunk, owners, matches, side):
                self._flags.setdefault(len(self._ids) + row, []).append(flag)
        salts = compared_texts.salts(chunk)
        fields = ([compared_texts.told(record) for record in chunk], [record.input for record in chunk])
        self._shingles.append(tuple(duplicates.shingles(field, self._rules.shingle, salts) for field in fields))
        self._keys += map(compared_texts.sameness, chunk)
        if self._rules.numbers or self._rules.slot:
            self._texts += templates.texts(f"{compared_texts.told(record)}\n\n{record.input}" for record in chunk)
        self._places += [(record.source.reference, record.source.row, record.id) for record in chunk]
        self._ids += [record.id for record in chunk]

    def survey(self) -> Survey:
        """What was found, once all rows are there."""
        self._find_duplicates()
        flags = {self._ids[row]: flags for row, flags in self._flags.items()}
        turned_up = self._searches["asked"].items()
        apart = Counter(self._apart.values())
        return Survey(len(self._ids), flags, self._rules, items(self._index), turned_up, apart)

    def _find_duplicates(self) -> None:
        """Rows that go for an overlap are not looked at: a row must not go for one that does not stay either."""
        going = {row for row, flags in self._flags.items() if any(goes(flag, self._rules) for flag in flags)}
        order = sorted(set(range(len(self._ids))) - going, key=self._places.__getitem__)
        same = duplicates.first_of(self._keys, order)
        fields = [duplicates.together(parts) for parts in zip(*self._shingles, strict=True)]
        apart = templates.difference(self._texts, self._rules.numbers, self._rules.slot)
        looked = [row for row in order if row not in same]
        like = duplicates.near(fields, looked, self._rules.similarity, apart, self._apart)
        for row, first in same.items():
            self._flag(row, "duplicate", first)
        for row in order:
            if (first_like := like.get(same.get(row, row))) is not None:
                self._flag(row, "near-duplicate", first_like)

    def _flag(self, row: int, kind: Reason, stays: int) -> None:
        self._flags.setdefault(row, []).append(Flag(self._ids[row], kind, self._ids[stays]))


def _overlaps(
    chunk: Sequence[Record], owners: Sequence[int], matches: Iterable[Match], side: compared_texts.Side
) -> Iterator[tuple[int, Flag]]:  # fmt: skip
    """(row, flag): one for each row and benchmark, of the most that they share."""
    found: dict[tuple[int, str], list[Match]] = {}
    for match in matches:
        found.setdefault((owners[match.text], match.benchmark), []).append(match)
    for (row, benchmark), several in sorted(found.items()):
        most = max(several, key=lambda match: (match.size == EXACT, match.size))
        kind: Reason = "overlap-exact" if most.size == EXACT else "overlap-ngram"
        n = max(match.size for match in several)
        yield row, Flag(chunk[row].id, kind, benchmark, most.item, n, side, most.shared[:LONGEST])


def _reaches(flag: Flag, size: int) -> bool:
    return flag.kind == "overlap-exact" if size == EXACT else flag.n >= size


def _rejected(record: Record, flag: Flag) -> Rejected:
    detail = f"like {flag.against}"
    if flag.kind.startswith("overlap"):
        detail = f"{flag.side} shares with {flag.against} {flag.item}: {flag.shared}"
    return Rejected(record.id, flag.kind, detail, msgspec.to_builtins(record))


def _examples(every: Iterable[Flag]) -> list[Flag]:
    """A few of each benchmark and of near duplicates: those that share most, then by id."""
    shown: Counter[str] = Counter()
    found = []
    for flag in sorted(every, key=lambda flag: (flag.kind != "overlap-exact", -flag.n, flag.id, flag.against)):
        group = flag.against if flag.kind.startswith("overlap") else flag.kind
        shown[group] += 1
        if shown[group] <= EXAMPLES:
            found.append(flag)
    return found
