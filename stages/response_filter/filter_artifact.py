"""Filters the rows of an artifact: reads it, writes accepted and rejected rows and preference pairs."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.cli import report_losses
from stages.core.completions import Complete
from stages.core.records import Record
from stages.response_filter.candidate_rows import CandidateRow, FilterConfig, filter_rows
from stages.response_filter.filtered_rows import FilteredRows
from stages.response_filter.response_grades import GradeResponses

PARTS = {"rows": ".jsonl", "rejected": ".rejected.jsonl", "pairs": ".pairs.jsonl"}


def filter_artifact(
    name: str, reads: str, complete: Complete, grade: GradeResponses, config: FilterConfig, filtered: FilteredRows,
    watch: Callable[..., Iterator[CandidateRow]],
) -> dict[str, Any]:  # fmt: skip
    """Write data/filtered/NAME.jsonl, .rejected.jsonl and .pairs.jsonl; returns the counts, as metrics.

    reads: the artifact that is filtered. watch: `Connected.rows`, which counts rows as progress.
    """
    rows = artifacts.artifact(reads, Record)
    paths = {part: Path(f"data/filtered/{name}{ending}") for part, ending in PARTS.items()}
    graded: Iterable[CandidateRow] = filter_rows(rows, complete, grade, config)
    rejected: dict[str, int] = {}
    counts = artifacts.write_split(paths, _counting(filtered.split(partial(watch, of=rows)(graded)), rejected))
    total = counts["rows"] + counts["rejected"]
    report_losses(total, {"rejected": rejected}, kept="accepted", see=str(paths["rejected"]), name=name)
    by_reason = {"rejected_by_reason": dict(sorted(rejected.items()))}
    return {"rows": counts["rows"], "rejected": counts["rejected"], **by_reason, **filtered.summary()}


def _counting(rows: Iterable[tuple[str, Any]], rejected: dict[str, int]) -> Iterator[tuple[str, Any]]:
    for part, row in rows:
        if part == "rejected":
            rejected[row.reason] = rejected.get(row.reason, 0) + 1
        yield part, row
