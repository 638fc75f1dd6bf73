"""Ablations (paper 5.1): sets that differ in one thing only, each with statistics that show it."""

from stages.ablations.combination import combination
from stages.ablations.comparisons import Drawn, Sets, data_level, drawn, instance_level, task_level
from stages.ablations.length_report import page
from stages.ablations.mixture import mixed, mixture
from stages.ablations.pairs import pairs
from stages.ablations.row_lengths import Arm, Length, arm, measured
from stages.ablations.split import Wishes, split

__all__ = [
    "Arm", "Drawn", "Length", "Sets", "Wishes", "arm", "combination", "data_level", "drawn", "instance_level",
    "measured", "mixed", "mixture", "page", "pairs", "split", "task_level",
]  # fmt: skip
