"""Combine two sets, such as Tulu-V2 and MetaMath (paper 4.2): rows are drawn independently and keep their source."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest

from msgspec import to_builtins

from stages.ablations.comparisons import AblationSets
from stages.ablations.row_lengths import record_draw
from stages.core.records import Record, Rejected, Step


def combined_sets(parts: Mapping[str, Iterable[Record]], sizes: Sequence[int | None], seed: int) -> AblationSets:
    """`sizes` rows of each part, or all for None, the parts in order and their rows in theirs.

    Each row has its own draw: a smaller combination lies inside a larger one, two versions of a set give the same rows,
    and neither part changes what is drawn of the other. A row whose id an earlier part has is rejected ("same-id").
    """
    rows: list[Record] = []
    rejected: list[Rejected] = []
    owner: dict[str, str] = {}
    statistics: dict[str, dict[str, int | None]] = {}
    for (name, records), size in zip(parts.items(), sizes, strict=True):
        candidates = list(records)
        selected = _drawn(candidates, size, seed)
        rejected += [_same(record, owner[record.id]) for record in selected if record.id in owner]
        fresh = [record for record in selected if record.id not in owner]
        owner.update((record.id, name) for record in fresh)
        rows += [record.step(Step("sample", f"combine:{name}", "ok")) for record in fresh]
        statistics[name] = {"read": len(candidates), "wanted": size, "kept": len(fresh)}
    lost = {"rejected": Counter(row.reason for row in rejected)}
    totals = {"rows": len(rows), "parts": statistics, **_counts(rows, rejected)}
    return AblationSets({"": rows, ".rejected": rejected}, totals, lost, _shortage(statistics))


def _shortage(parts: Mapping[str, Mapping[str, int | None]]) -> str:
    """For people: the parts that have fewer rows than were wanted."""
    short = (
        f"wanted {counts['wanted']} rows of {name}, got {counts['kept']} of {counts['read']}"
        for name, counts in parts.items()
        if counts["wanted"] is not None and counts["wanted"] != counts["kept"]
    )
    return "; ".join(short)


def _drawn(records: Sequence[Record], size: int | None, seed: int) -> Sequence[Record]:
    if size is None:
        return records
    smallest = set(nsmallest(size, ((record_draw(seed, record.id, "combine"), record.id) for record in records)))
    return [record for record in records if (record_draw(seed, record.id, "combine"), record.id) in smallest]


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
