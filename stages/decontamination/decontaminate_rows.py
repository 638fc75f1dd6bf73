"""Find the rows of a corpus that overlap with benchmarks or with each other, and remove them by rule."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from stages.core.records import Record, Rejected, Step
from stages.decontamination import compared_texts, duplicates, templates
from stages.decontamination.benchmark_index import EXACT, BenchmarkIndex, items
from stages.decontamination.overlap_search import Match, Search

Reason = Literal["overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"]
"""Why a row is removed.

overlap-exact: its request or response equals a text of a benchmark. overlap-ngram: it shares a run of
words with one. duplicate: an earlier row has the same request. near-duplicate: an earlier row has a similar one.
"""
EXAMPLES = 3
"""Examples in the metrics of each benchmark, and of near duplicates."""
LONGEST = 200
"""Characters of an example."""


class DecontaminationRules(NamedTuple):
    """What counts as a duplicate, and what is removed."""

    shingle: int
    """Words of a shingle, by which rows are compared with each other."""
    similarity: float
    """Jaccard similarity from which two rows are near duplicates."""
    remove: frozenset[str]
    """The reasons for which rows are removed; others are only reported."""
    ngram: int
    """The smallest n of a shared n-gram for which a row is removed."""
    numbers: bool = False
    """Whether rows that differ in their numbers are no near duplicates."""
    slot: int = 0
    """Rows that differ only in up to so many words in one place are no near duplicates."""


class Flag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An overlap or a duplicate of a row."""

    id: str
    kind: Reason
    against: str
    """The benchmark, or the id of the row that is kept."""
    item: str = ""
    """Item of the benchmark."""
    n: int = 0
    """The longest shared n-gram, of the sizes searched; 0 for none, as in a very short text."""
    side: compared_texts.Side = "asked"
    shared: str = ""
    """Words that they share."""

    @property
    def action(self) -> str:
        """The action of the row's step: "overlap:mgsm:13-gram"."""
        size = "exact" if self.kind == "overlap-exact" else f"{self.n}-gram"
        return f"overlap:{self.against}:{size}" if self.kind.startswith("overlap") else self.kind


class DecontaminationResult(NamedTuple):
    """The overlaps and duplicates of a corpus."""

    rows: int
    flags: Mapping[str, Sequence[Flag]]
    """Row id -> its flags: overlaps first, by benchmark; then duplicates."""
    rules: DecontaminationRules
    items: Mapping[str, int]
    """Benchmark -> number of its items."""
    overlapping_items: Mapping[int, Mapping[str, int]]
    """Size -> benchmark -> number of items that the request of some row overlaps with."""
    templates: Mapping[str, int] = {}
    """"numbers" and "slot" -> rows that are near duplicates but for that."""

    def split(self, records: Iterable[Record]) -> Iterator[tuple[str, Record | Rejected | Flag]]:
        """The records, each with the name of its file, "kept" or "rejected"; and every flag.

        A record that is kept gets a step for its flags; nothing else of it changes.
        """
        for record in records:
            flags = self.flags.get(record.id, ())
            yield from (("flags", flag) for flag in flags)
            reason = next((flag for flag in flags if is_removed(flag, self.rules)), None)
            if reason is None:
                actions = list(dict.fromkeys(flag.action for flag in flags)) or ["clean"]
                steps = tuple(Step("decontaminate", action, "ok") for action in actions)
                yield "kept", msgspec.structs.replace(record, steps=(*record.steps, *steps))
            else:
                yield "rejected", _rejected(record, reason)

    def metrics(self) -> dict[str, Any]:
        """Removed rows by reason, duplicates, and for each benchmark the rows, responses and items that overlap."""
        every = [flag for flags in self.flags.values() for flag in flags]
        reasons = (
            next((flag.kind for flag in flags if is_removed(flag, self.rules)), None) for flags in self.flags.values()
        )
        removed = Counter(kind for kind in reasons if kind)
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
        overlaps = [flag for flag in every if flag.against == benchmark and flag.kind.startswith("overlap")]
        return {"items": self.items[benchmark]} | {
            "exact" if size == EXACT else f"{size}-gram": {
                "rows": sum(_reaches(flag, size) for flag in overlaps if flag.side == "asked"),
                "responses": sum(_reaches(flag, size) for flag in overlaps if flag.side == "response"),
                "items": counts.get(benchmark, 0),
            }
            for size, counts in self.overlapping_items.items()
        }


def find_contamination(
    records: Iterable[Record], index: BenchmarkIndex, rules: DecontaminationRules
) -> DecontaminationResult:
    """Compare each record with the texts of benchmarks, and with the records before it in its source.

    Of several similar rows the first of its upstream file is kept, whatever the order of `records`. Memory grows by
    some 40 bytes a word of the requests and 400 a row.
    """
    collector = _RowCollector(index, rules)
    for chunk in compared_texts.chunks(records):
        collector.add(chunk)
    return collector.result()


def is_removed(flag: Flag, rules: DecontaminationRules) -> bool:
    """Whether the row is removed for this flag."""
    if flag.kind in ("duplicate", "near-duplicate"):
        return flag.kind in rules.remove
    exact = flag.kind == "overlap-exact" and flag.kind in rules.remove
    return exact or ("overlap-ngram" in rules.remove and flag.n >= rules.ngram)


class _RowCollector:
    """Collects hashes and overlaps of all rows, then compares the rows with each other."""

    def __init__(self, index: BenchmarkIndex, rules: DecontaminationRules) -> None:
        self._index, self._rules = index, rules
        self._searches: dict[compared_texts.Side, Search] = {"asked": Search(index), "response": Search(index)}
        self._ids: list[str] = []
        self._places: list[tuple[str, int, str]] = []
        self._keys: list[bytes] = []
        self._shingles: tuple[list[duplicates.Shingles], ...] = ([], [])
        self._flags: dict[int, list[Flag]] = {}
        self._texts: list[templates.Text] = []
        self._apart: dict[int, str] = {}

    def add(self, chunk: Sequence[Record]) -> None:
        """Add rows after those added before."""
        for side, search in self._searches.items():
            owners = [row for row, record in enumerate(chunk) for _ in compared_texts.sides(record, side)]
            matches = search(text for record in chunk for text in compared_texts.sides(record, side))
            for row, flag in _overlaps(chunk, owners, matches, side):
                self._flags.setdefault(len(self._ids) + row, []).append(flag)
        salts = compared_texts.salts(chunk)
        fields = (
            [compared_texts.instruction_with_history(record) for record in chunk],
            [record.input for record in chunk],
        )
        for parts, field in zip(self._shingles, fields, strict=True):
            parts.append(duplicates.shingles(field, self._rules.shingle, salts))
        self._keys += map(compared_texts.request_hash, chunk)
        if self._rules.numbers or self._rules.slot:
            self._texts += templates.texts(
                f"{compared_texts.instruction_with_history(record)}\n\n{record.input}" for record in chunk
            )
        # One string for the reference that all rows of a file have.
        self._places += [(sys.intern(record.source.reference), record.source.row, record.id) for record in chunk]
        self._ids += [record.id for record in chunk]

    def result(self) -> DecontaminationResult:
        """The result, once all rows are added."""
        self._find_duplicates()
        flags = {self._ids[row]: flags for row, flags in self._flags.items()}
        overlapping_items = self._searches["asked"].items()
        apart = Counter(self._apart.values())
        return DecontaminationResult(len(self._ids), flags, self._rules, items(self._index), overlapping_items, apart)

    def _find_duplicates(self) -> None:
        """Rows removed for an overlap are not compared: a row must not be removed for one that is not kept either."""
        if not self._ids:
            return
        removed = {row for row, flags in self._flags.items() if any(is_removed(flag, self._rules) for flag in flags)}
        order = sorted(set(range(len(self._ids))) - removed, key=self._places.__getitem__)
        same = duplicates.first_of(self._keys, order)
        fields = []
        for parts in self._shingles:
            fields.append(duplicates.together(parts))
            parts.clear()
        apart = templates.difference(self._texts, self._rules.numbers, self._rules.slot)
        distinct = [row for row in order if row not in same]
        like = duplicates.near(fields, distinct, self._rules.similarity, apart, self._apart)
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
    """(row, flag): one for each row and benchmark, of the longest overlap."""
    matches_by_row: dict[tuple[int, str], list[Match]] = {}
    for match in matches:
        matches_by_row.setdefault((owners[match.text], match.benchmark), []).append(match)
    for (row, benchmark), several in sorted(matches_by_row.items()):
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
    """A few flags of each benchmark and of near duplicates: the longest overlaps first, then by id."""
    shown: Counter[str] = Counter()
    examples = []
    for flag in sorted(every, key=lambda flag: (flag.kind != "overlap-exact", -flag.n, flag.id, flag.against)):
        group = flag.against if flag.kind.startswith("overlap") else flag.kind
        shown[group] += 1
        if shown[group] <= EXAMPLES:
            examples.append(flag)
    return examples
