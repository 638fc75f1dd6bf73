"""The section on overlaps of corpora with benchmarks, and on duplicates: counts and examples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.reporting.html import Safe, element, table

INTRODUCTION = (
    "Every training corpus was compared with all benchmarks, except those about images, whose questions are too short, "
    "and with the corpora that benchmarks are made from. Counted are rows whose instruction equals a text of a "
    "benchmark, and rows that share an n-gram of words with one. Responses with such an n-gram are counted separately. "
    "Items are items of the benchmark that occur in the instruction of a row."
)
Corpora = Mapping[str, Mapping[str, Any]]
"""Corpus -> what `decontaminate` wrote to data/metrics/."""


def overlap_section(corpora: Corpora) -> list[Safe]:
    """The section; empty where no corpus was decontaminated."""
    if not corpora:
        return []
    shown = list(_examples(corpora))
    heading = ["corpus", "row", "against", "item", "shared words"]
    examples = [element("h3", "For example"), table(heading, shown, first=len(heading))] if shown else []
    return [
        element("h2", "Overlaps and duplicates", id="overlaps"), element("p", INTRODUCTION), _benchmarks(corpora),
        _rows(corpora), *examples,
    ]  # fmt: skip


def _benchmarks(corpora: Corpora) -> Safe:
    """A row for each corpus, benchmark and size: side by side, the sizes would make the table wider than a page."""
    lines = [
        [name, benchmark, size, *(counts[size][what] for what in COUNTED), counts["items"]]
        for name, metrics in sorted(corpora.items())
        for benchmark, counts in sorted(metrics["overlap"].items())
        for size in counts if size != "items"
    ]  # fmt: skip
    head = ["corpus", "benchmark", "shared", *COUNTED, "of items"]
    return table(head, lines, "Overlap with what models are tested with", first=3)


COUNTED = ("rows", "responses", "items")


def _rows(corpora: Corpora) -> Safe:
    head = ["corpus", "rows", "duplicates", "near duplicates", "removed", "kept"]
    lines: list[Sequence[object]] = []
    for name, metrics in sorted(corpora.items()):
        removed = sum(metrics["removed"].values())
        lines.append(
            [name, metrics["rows"], metrics["duplicates"], metrics["near_duplicates"], removed, metrics["kept"]]
        )
    return table(head, lines, "Rows that say again what an earlier row says, and what params.yaml had removed")


def _examples(corpora: Corpora) -> Iterator[list[object]]:
    for name, metrics in sorted(corpora.items()):
        for flag in metrics["examples"]:
            yield [name, flag["id"], flag["against"], flag["item"] or None, flag["shared"] or flag["kind"]]
