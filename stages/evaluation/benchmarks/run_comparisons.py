"""What becomes of each answer from one run to another, and differences between groups of runs that differ in seed."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stages.evaluation.benchmarks.questions import Score
from stages.evaluation.benchmarks.score_statistics import Comparison, as_comparison, largest_difference, means_by_item
from stages.evaluation.metrics.seed_variance import difference_of_groups

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


class Flips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers to the same questions, by what they are in the baseline and in the treatment."""

    wrong_to_right: int
    right_to_wrong: int
    both_right: int
    both_wrong: int


class SeedGroups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two groups of runs that differ in the seed within each, compared over items and seeds."""

    comparison: Comparison
    baseline: tuple[float, ...]
    """The mean of each run over the items that all have."""
    treatment: tuple[float, ...]
    item_error: float
    """The part of the standard error that comes from the items."""
    seed_error: float
    """The part that comes from the seeds."""


def flips(baseline: Iterable[Score], treatment: Iterable[Score], metric: str) -> Flips | None:
    """How many answers turned from right to wrong and back; None for a metric that is not always 0 or 1.

    Answers are paired by their id, so the same sample of the same question.
    """
    before, after = ({s.id: s.values[metric] for s in some if metric in s.values} for some in (baseline, treatment))
    pairs = [(before[id], after[id]) for id in before.keys() & after.keys()]
    if not pairs or {value for pair in pairs for value in pair} - {0.0, 1.0}:
        return None
    return Flips(pairs.count((0.0, 1.0)), pairs.count((1.0, 0.0)), pairs.count((1.0, 1.0)), pairs.count((0.0, 0.0)))


def compare_groups(
    baseline: Sequence[Iterable[Score]], treatment: Sequence[Iterable[Score]], metric: str
) -> SeedGroups | None:
    """What the treatment's runs add to the baseline's, on the items that all runs have; None where there is no item.

    The interval and p account for the items and for the seeds (see `seed_variance.difference_of_groups`).
    """
    import numpy

    runs = [means_by_item(scores, metric) for scores in (*baseline, *treatment)]
    items = sorted(set.intersection(*map(set, runs))) if baseline and treatment else []
    if not items:
        return None
    values = numpy.array([[run[item] for item in items] for run in runs])
    before, after = values[: len(baseline)], values[len(baseline) :]
    differences = after.mean(axis=0) - before.mean(axis=0)
    result = difference_of_groups(before, after, largest_difference(metric, differences))
    comparison = as_comparison(differences, result.paired, result.p)
    first, second = (tuple(round(float(mean), 6) for mean in group.mean(axis=1)) for group in (before, after))
    return SeedGroups(comparison, first, second, round(result.item_error, 6), round(result.seed_error, 6))
