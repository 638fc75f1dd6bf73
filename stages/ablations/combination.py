"""Two sets as one, such as Tulu-V2 and MetaMath (paper 4.2): rows are drawn one by one and keep their sources."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest

from msgspec import to_builtins

from stages.ablations.comparisons import Sets
from stages.ablations.row_lengths import draw
from stages.core.records import Record, Rejected, Step


def combination(parts: Mapping[str, Iterable[Record]], sizes: Sequence[int | None], seed: int) -> Sets:
    """`sizes` rows of each part, or all for None, the parts in order and their rows in theirs.

    A row's draw is its own: a smaller combination lies inside a larger one, two versions of a set give the same rows,
    and neither part changes what is drawn of the other. A row whose id an earlier part has is rejected ("same-id").
    """
    rows: list[Record] = []
    rejected: list[Rejected] = []
    owner: dict[str, str] = {}
    page: dict[str, dict[str, int | None]] = {}
    for (name, records), size in zip(parts.items(), sizes, strict=True):
        found = list(records)
        drawn = _drawn(found, size, seed)
        rejected += [_same(record, owner[record.id]) for record in drawn if record.id in owner]
        fresh = [record for record in drawn if record.id not in owner]
        owner.update((record.id, name) for record in fresh)
        rows += [record.step(Step("sample", f"combine:{name}", "ok")) for record in fresh]
        page[name] = {"read": len(found), "wanted": size, "kept": len(fresh)}
    lost = {"rejected": Counter(row.reason for row in rejected)}
    told = {"rows": len(rows), "parts": page, **_counts(rows, rejected)}
    return Sets({"": rows, ".rejected": rejected}, told, lost, _shortage(page))


def _shortage(parts: Mapping[str, Mapping[str, int | None]]) -> str:
    """The parts that have fewer rows than were wanted."""
    short = (
        f"wanted {counts['wanted']} rows of {name}, got {counts['kept']} of {counts['read']}"
        for name, counts in parts.items()
        if counts["wanted"] is not None and counts["wanted"] != counts["kept"]
    )
    return "; ".join(short)


def _drawn(records: Sequence[Record], size: int | None, seed: int) -> Sequence[Record]:
    if size is None:
        return records
    kept = set(nsmallest(size, ((draw(seed, record.id, "combine"), record.id) for record in records)))
    return [record for record in records if (draw(seed, record.id, "combine"), record.id) in kept]


def _same(record: Record, owner: str) -> Rejected:
    return Rejected(record.id, "same-id", f"{owner} has this row too", to_builtins(record))


def _counts(rows: Iterable[Record], rejected: Sequence[Rejected]) -> dict[str, dict[str, int]]:
    """Rows by licence and by language, and the rejected by reason."""
    sources = [record.source for record in rows]
    return {
        "licences": dict(Counter(source.licence for source in sources)),
        "languages": dict(Counter(source.language for source in sources)),
        "rejected": dict(Counter(row.reason for row in rejected)),
    }
