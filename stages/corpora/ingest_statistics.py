"""Statistics of one ingested corpus."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from stages.core.records import Record, Rejected
from stages.corpora.row_types import REPAIRED


class IngestStats:
    """Counts of the rows that pass: read = kept + rejected + not sampled. `repaired` counts changes of rows by kind."""

    def __init__(self) -> None:
        self.kept: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.not_sampled = 0

    def split(self, items: Iterable[Record | Rejected]) -> Iterator[tuple[str, Record | Rejected]]:
        """Each item with the name of the file it belongs to: "kept" or "rejected"."""
        for item in items:
            if isinstance(item, Rejected):
                self.rejected[item.reason] += 1
                yield "rejected", item
            else:
                self._count(item)
                yield "kept", item

    def _count(self, record: Record) -> None:
        for field in ("instruction", "input", "response", "system", "history"):
            self.kept[field] += bool(getattr(record, field))
        for field in ("instruction", "input", "response"):
            self.words[field] += len(getattr(record, field).split())

    def losses(self) -> dict[str, dict[str, int]]:
        """What happened to rows that are not kept -> why -> how many."""
        return {"rejected": dict(self.rejected), "left out": {"not in the sample": self.not_sampled}}

    def shortage(self, sample: int | None) -> str:
        """What a sample of that many rows lacks, in words; "" for nothing."""
        kept = self.kept["instruction"]
        return f"wanted a sample of {sample:,} rows, there are {kept:,}" if sample and kept < sample else ""

    def repairs(self) -> str:
        """One line for people on rows that were changed, by kind and count; "" for none."""
        counts = ", ".join(f"{REPAIRED[repair]} in {count:,}" for repair, count in self.repaired.most_common())
        return f"rows repaired: {counts}" if counts else ""

    def metrics(self) -> dict[str, Any]:
        """Rows read, kept, rejected by reason, left out of the sample; how many have what, and its mean words there."""
        kept = self.kept["instruction"]
        return {
            "read": kept + self.rejected.total() + self.not_sampled,
            "kept": kept,
            "rejected": dict(self.rejected),
            **({"repaired": dict(self.repaired)} if self.repaired else {}),
            "not_sampled": self.not_sampled,
            "with": {field: self.kept[field] for field in ("input", "response", "system", "history")},
            "mean_words": {field: round(self.words[field] / max(1, self.kept[field]), 2) for field in self.words},
        }
