"""Confidence intervals and tests that hold at small n, all of them functions of numbers; nothing is drawn at random
but the signs of a permutation test that is too large to enumerate.
"""

from collections.abc import Sequence
from math import comb, inf, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

CONFIDENCE = 0.95
POWER = 0.8
"""The chance to see an effect of the size that `smallest_detectable` gives."""
ENUMERATED = 16
"""Differences up to which a permutation test goes through every assignment of signs."""
PERMUTATIONS = 50_000
"""Random assignments of signs beyond that: the standard error of p is below 0.001 at p = 0.05."""


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


def share(counts: "Array", totals: "Array") -> Interval:
    """The 95% interval of a mean of values in [0, 1] over clusters: the exact binomial one, with an effective size.

    counts, totals: (clusters,), the number of values of each cluster and their sum. With one value of 0 or 1 a cluster
    it is the interval of Clopper & Pearson (1934, https://doi.org/10.1093/biomet/26.4.404), which covers the truth at
    least 95% of the time at any n. Otherwise the number of values is replaced by that which would give the variance
    estimated from the clusters, as Korn & Graubard (1998, Survey Methodology 24) do; where all values are 0 or all are
    1, by the number of clusters.
    """
    clusters, mean = len(counts), float(totals.sum() / counts.sum())
    simple = bool((counts == 1).all() and ((totals == 0) | (totals == 1)).all())
    if simple or clusters == 1:
        return exact(mean, clusters)
    variance = _variance(counts, totals)
    size = mean * (1 - mean) / variance if variance > 0 and 0 < mean < 1 else float(clusters)
    return exact(mean, size * (normal(CONFIDENCE) / student(CONFIDENCE, clusters - 1)) ** 2)


def exact(mean: float, size: float) -> Interval:
    """The exact 95% interval of a share `mean` of `size` values, which need not be a whole number."""
    from scipy.special import betaincinv

    hits, tail = mean * size, (1 - CONFIDENCE) / 2
    low = float(betaincinv(hits, size - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, size - hits, 1 - tail)) if hits < size else 1.0
    return Interval(low, high)


def mean(counts: "Array", totals: "Array") -> Interval:
    """The 95% interval of a mean over clusters by Student's t; infinite where there is only one cluster."""
    centre = float(totals.sum() / counts.sum())
    return around(centre, (totals - centre * counts) / counts.sum())


def around(estimate: float, influences: "Array") -> Interval:
    """The 95% interval of an estimate by Student's t. influences: (clusters,), what each moves it by; they sum to 0."""
    clusters = len(influences)
    if clusters < 2:
        return Interval(-inf, inf)
    error = sqrt(clusters / (clusters - 1) * float((influences**2).sum()))
    half = student(CONFIDENCE, clusters - 1) * error
    return Interval(estimate - half, estimate + half)


class Paired(NamedTuple):
    """A mean difference between two measurements of the same items."""

    low: float
    high: float
    """Ends of the 95% interval."""
    detectable: float
    """The smallest true difference that this design shows with a chance of 80%, given the spread of the differences."""
    excluded: float
    """True differences larger than this, either way, are excluded at the 5% level by two one-sided tests (TOST;
    Schuirmann, 1987): the smallest margin within which the two are equivalent."""
    lowest: float
    """True differences below this are excluded by one of these tests: no worse, by any margin larger than -lowest."""


def paired(differences: "Array", largest: float) -> Paired:
    """Interval and power of the mean of n differences. largest: the largest difference that is possible.

    To the n differences one of `largest` and one of -`largest` are added before Student's t, as Bonett & Price (2012,
    https://doi.org/10.3102/1076998611411915) do for pairs of shares, so that equal differences do not give an interval
    without width. The ends stay within what is possible.
    """
    import numpy

    padded = numpy.append(differences, (largest, -largest))
    error = float(padded.std(ddof=1)) / sqrt(len(padded))
    result, _ = from_error(float(padded.mean()), error, len(padded) - 1, largest)
    # The two that are added pull the mean towards 0, so that a true difference must be larger to be shown.
    return result._replace(detectable=min(largest, result.detectable * len(padded) / len(differences)))


def from_error(centre: float, error: float, freedom: float, largest: float) -> tuple[Paired, float]:
    """Interval, power and bounds of a difference with this standard error and degrees of freedom, and its two-sided
    p-value by Student's t; everything stays within `largest`."""
    from scipy.special import stdtr

    two_sided, one_sided = student(CONFIDENCE, freedom), student(2 * CONFIDENCE - 1, freedom)
    low, high = max(-largest, centre - two_sided * error), min(largest, centre + two_sided * error)
    detectable = min(largest, (two_sided + student(2 * POWER - 1, freedom)) * error)
    excluded, lowest = min(largest, abs(centre) + one_sided * error), max(-largest, centre - one_sided * error)
    p = 2 * float(stdtr(freedom, -abs(centre) / error)) if error else float(centre == 0)
    return Paired(low, high, detectable, excluded, lowest), p


def needed(effect: float, spread: float) -> int:
    """How many items show a true mean difference of `effect` with a chance of 80%; spread: the differences' standard
    deviation. Raises ValueError for an effect of 0."""
    if effect == 0:
        raise ValueError("an effect of 0 is never shown")
    wanted = (normal(CONFIDENCE) + normal(2 * POWER - 1)) * spread / abs(effect)
    return max(2, int(wanted**2) + 1)


def sign_flips(differences: Sequence[float], random: "numpy.random.Generator") -> float:
    """Two-sided p-value of the permutation test that flips signs: the share of assignments whose sum is as far from 0.

    Exact where all differences are equally large (then it is the sign test, McNemar's for shares) and for up to
    `ENUMERATED` that are not 0; by `PERMUTATIONS` random assignments, the observed one counted in, otherwise.
    """
    import numpy

    sizes = numpy.abs(numpy.array([d for d in differences if abs(d) > 1e-12]))
    if not len(sizes):
        return 1.0
    observed = abs(float(numpy.sum(list(differences)))) - 1e-9
    if numpy.allclose(sizes, sizes[0]):
        return _sign_test(len(sizes), observed / float(sizes[0]))
    if len(sizes) <= ENUMERATED:
        bits = (numpy.arange(2 ** len(sizes))[:, None] >> numpy.arange(len(sizes))) & 1
        return float(numpy.mean(numpy.abs((2 * bits - 1) @ sizes) >= observed))
    as_far = 0
    for start in range(0, PERMUTATIONS, 1000):
        signs = random.integers(0, 2, (min(1000, PERMUTATIONS - start), len(sizes)), dtype=numpy.int8)
        as_far += int((numpy.abs((2 * signs - 1) @ sizes) >= observed).sum())
    return (1 + as_far) / (1 + PERMUTATIONS)


def _sign_test(count: int, observed: float) -> float:
    """The chance that `count` fair signs sum to something as far from 0 as `observed`."""
    as_far = sum(comb(count, ups) for ups in range(count + 1) if abs(2 * ups - count) >= observed)
    return float(as_far / 2**count)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number by Holm's method (1979), in the order given.

    Claiming every effect whose adjusted value is below 0.05 keeps the chance of a single false claim below 5%.
    """
    adjusted, worst = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted


def _variance(counts: "Array", totals: "Array") -> float:
    """The variance of a ratio of sums over clusters, by linearisation."""
    clusters = len(counts)
    residuals = totals - totals.sum() / counts.sum() * counts
    return float(clusters / (clusters - 1) * (residuals**2).sum() / counts.sum() ** 2)


def student(confidence: float, freedom: float) -> float:
    """The quantile of Student's t for a two-sided interval."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))


def normal(confidence: float) -> float:
    """The quantile of the normal distribution for a two-sided interval."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))
