"""A corpus held against benchmarks, and against itself: overlaps, duplicates, near duplicates."""

from stages.overlaps.search import Match, Search
from stages.overlaps.survey import Flag, Reason, Rules, Survey, survey
from stages.overlaps.withheld import EXACT, Index, Withheld, index, withheld

__all__ = [
    "EXACT", "Flag", "Index", "Match", "Reason", "Rules", "Search", "Survey", "Withheld", "index", "survey", "withheld",
]  # fmt: skip
