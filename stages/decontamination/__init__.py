"""A corpus held against benchmarks, and against itself: overlaps, duplicates, near duplicates."""

from stages.decontamination.benchmark_index import EXACT, Index, Withheld, index, withheld
from stages.decontamination.decontaminate_rows import Flag, Reason, Rules, Survey, survey
from stages.decontamination.overlap_search import Match, Search

__all__ = [
    "EXACT", "Flag", "Index", "Match", "Reason", "Rules", "Search", "Survey", "Withheld", "index", "survey", "withheld",
]  # fmt: skip
