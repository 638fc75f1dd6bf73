"""Ablations (paper 5.1): sets that differ in one thing only, each with statistics that show it."""

from stages.ablations.budget import budget
from stages.ablations.lengths import lengths
from stages.ablations.mixture import mixture
from stages.ablations.mixture import statistics as mixed
from stages.ablations.pages import Arm, page
from stages.ablations.pairs import Side, pairs
from stages.ablations.split import single, split
from stages.ablations.split import statistics as taken_apart
from stages.ablations.turns import turns

__all__ = [
    "Arm", "Side", "budget", "lengths", "mixed", "mixture", "page", "pairs", "single", "split", "taken_apart", "turns",
]  # fmt: skip
