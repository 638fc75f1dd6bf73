"""The difference between two ways of training, each run with several seeds, on the same items.

Items and training seeds both vary: other questions would give another difference, and so would another shuffle of the
training rows. An interval over the items alone treats the trained weights as fixed, and so is too narrow for a
statement about the data that they were trained on.
"""

from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.evaluation.metrics.intervals import Paired, from_error

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


class GroupDifference(NamedTuple):
    """The difference between the means of two groups of runs, and what makes it uncertain."""

    difference: float
    paired: Paired
    """Interval, power and bounds, over items and seeds."""
    p: float
    """Two-sided, of Student's t."""
    item_error: float
    """The part of the standard error that comes from the items."""
    seed_error: float
    """The part that comes from the seeds; 0 where neither group has more than one."""


def difference_of_groups(baseline: "Array", treatment: "Array", largest: float) -> GroupDifference:
    """The mean over items of what the mean over the treatment's seeds adds to that over the baseline's.

    baseline, treatment: (seeds, items), the same items in the same order. largest: the largest difference possible.

    The variance has three parts, as in a two-way layout with random items and seeds (Searle, Casella & McCulloch, 1992,
    Variance Components): that of the items' differences, each averaged over the seeds, over the number of items
    (padded by two as in `intervals.paired`); and for each group that of its seeds' means over the number of its seeds.
    What items and seeds have in common is in both, so the sum is on the safe side. Degrees of freedom by Satterthwaite
    (1946, https://doi.org/10.2307/3002019). Needs two seeds in each group for a statement about other seeds: a group
    of one has no variance between seeds.
    """
    import numpy

    differences = treatment.mean(axis=0) - baseline.mean(axis=0)
    padded = numpy.append(differences, (largest, -largest))
    parts = [(float(padded.var(ddof=1)) / len(padded), len(padded) - 1)]
    parts += [(_between(group), len(group) - 1) for group in (baseline, treatment) if len(group) > 1]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    paired, p = from_error(float(padded.mean()), sqrt(variance), freedom, largest)
    return GroupDifference(
        float(differences.mean()), paired, p, sqrt(parts[0][0]), sqrt(sum(part for part, _ in parts[1:]))
    )


def _between(group: "Array") -> float:
    """The variance of a group's mean that comes from its seeds."""
    return float(group.mean(axis=1).var(ddof=1)) / len(group)
