"""Statistics of scores: means with intervals, differences between runs, trends.

Answers to one item (in several languages or versions) are not independent, so the item is the unit of every interval
and test (see `intervals`): ten versions of one question are no more evidence than one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from stages.core.completions import seed_for
from stages.evaluation.benchmarks.questions import Score
from stages.evaluation.metrics import intervals

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

COVERAGE = (2.5, 97.5)
"""Percentiles between which a 95% interval lies."""
SCALES = {"quality": (1.0, 5.0)}
"""Metric -> its least and largest value, for those that are not from 0 to 1. Values beyond are of no known scale."""

OVER_TASKS = frozenset({"instruction_strict", "instruction_loose", "instruction_level"})
"""Metrics that are a share of an answer's tasks and averaged over tasks, as IFEval does, so that an answer counts as
often as it has tasks; others are averaged over answers."""


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mean (or slope) with its 95% interval over `n` answers, or tasks (`OVER_TASKS`); no ends for a single item."""

    n: int
    mean: float
    low: float | None
    high: float | None


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two runs on the `n` items that both were scored on: treatment minus baseline, item by item."""

    n: int
    difference: float
    low: float
    high: float
    """Ends of the 95% interval."""
    p: float
    """Two-sided, of a sign-flip permutation test; for one measure, not adjusted for others (see `intervals.holm`)."""
    detectable: float
    """The smallest true difference that so many items show with a chance of 80%."""
    excluded: float
    """True differences larger than this are excluded (two one-sided tests at 5%)."""
    lowest: float
    """True differences below this are excluded (one such test)."""
    gained: int
    """Items on which the treatment is better."""
    lost: int


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The share of `n` rows on which two verdicts are equal, and the agreement beyond chance."""

    n: int
    raw: Estimate
    kappa: Estimate | None


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """Counts, an `Estimate` for every metric, and the same by language, group and number of tasks where these vary.

    n: answers. scored: those with values. statuses: how the answers ended. unscored: reason -> answers. trend: change
    of a metric with one more task (least squares).
    """
    cuts: dict[str, Callable[[Score], str]] = {
        "languages": lambda s: s.language, "groups": lambda s: s.group, "tasks": lambda s: str(s.tasks),
    }  # fmt: skip
    scored = [score for score in scores if score.values]
    cut_up = {name: _cut(scored, cut) for name, cut in cuts.items()}
    trend = trends(scored)
    return {
        "n": len(scores),
        "scored": len(scored),
        "statuses": dict(Counter(score.status for score in scores)),
        "unscored": dict(Counter(score.reason for score in scores if not score.values)),
        **metric_means(scored),
        **{name: parts for name, parts in cut_up.items() if parts},
        **({"trend": trend} if trend else {}),
    }


def _cut(scores: Sequence[Score], key: Callable[[Score], str]) -> dict[str, dict[str, Estimate]]:
    parts: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        parts[key(score)].append(score)
    if len(parts) < 2:
        return {}
    return {part: metric_means(parts[part]) for part in sorted(parts)}


def metric_means(scores: Sequence[Score]) -> dict[str, Estimate]:
    """Metric -> mean over the answers that have it, with its interval; independent of the order of `scores`."""
    metrics = sorted({metric for score in scores for metric in score.values})
    if not metrics:
        return {}
    totals = _by_item((s.item, [x for m in metrics for x in _counted(s, m)]) for s in scores)
    columns = {metric: totals[:, 2 * place : 2 * place + 2] for place, metric in enumerate(metrics)}
    return {metric: _estimate(column[column[:, 0] > 0], metric) for metric, column in columns.items()}


def _estimate(totals: "Array", metric: str) -> Estimate:
    """totals: (items, 2), how many answers of each item have the metric, and the sum of their values."""
    counts, sums = totals.T
    count, mean = int(counts.sum()), float(sums.sum() / counts.sum())
    least, largest = SCALES.get(metric, (0.0, 1.0))
    shares = (sums - least * counts) / (largest - least)
    if (shares < 0).any() or (shares > counts).any():
        low, high = intervals.mean(counts, sums)
    else:
        low, high = (least + end * (largest - least) for end in intervals.share(counts, shares))
    return Estimate(count, _round(mean), _end(low), _end(high))


def _end(value: float) -> float | None:
    return _round(value) if isfinite(value) else None


def _counted(score: Score, metric: str) -> tuple[float, float]:
    """How often an answer counts, and the sum of its values."""
    times = 0.0 if metric not in score.values else float(score.tasks) if metric in OVER_TASKS else 1.0
    return times, times * score.values.get(metric, 0.0)


def trends(scores: Sequence[Score]) -> dict[str, Estimate]:
    """Metric -> slope of a line through (number of tasks, value), where there is more than one number of tasks."""
    slopes = {}
    for metric in sorted({metric for score in scores for metric in score.values}):
        rows = [(s.item, float(s.tasks), s.values[metric]) for s in scores if metric in s.values]
        if len({tasks for _, tasks, _ in rows}) > 1:
            slopes[metric] = _slope(rows)
    return slopes


def _slope(rows: Sequence[tuple[str, float, float]]) -> Estimate:
    """The least-squares slope of (item, x, y), and its interval from the items' parts in the residuals."""
    import numpy

    points = numpy.array([row[1:] for row in sorted(rows)])
    x, y = (points - points.mean(axis=0)).T
    slope = float(x @ y / (x @ x))
    parts = _by_item((item, [part]) for (item, *_), part in zip(sorted(rows), x * (y - slope * x), strict=True))
    low, high = intervals.around(slope, parts[:, 0] / float(x @ x))
    return Estimate(len(rows), _round(slope), _end(low), _end(high))


def compare(baseline: Iterable[Score], treatment: Iterable[Score], metric: str, seed: int) -> Comparison | None:
    """The difference that `treatment` makes, item by item; None if no item was scored in both."""
    import numpy

    before, after = means_by_item(baseline, metric), means_by_item(treatment, metric)
    items = sorted(before.keys() & after.keys())
    if not items:
        return None
    differences = numpy.array([after[item] - before[item] for item in items])
    paired = intervals.paired(differences, largest_difference(metric, differences))
    p = intervals.sign_flips(differences.tolist(), _generator(seed, f"signs/{metric}"))
    return as_comparison(differences, paired, p)


def as_comparison(differences: "Array", paired: intervals.Paired, p: float) -> Comparison:
    """The comparison of runs that differ by `differences`, one an item; ends and p rounded."""
    return Comparison(
        len(differences), _round(differences.mean()), _round(paired.low), _round(paired.high), _round(p),
        _round(paired.detectable), _round(paired.excluded), _round(paired.lowest), int((differences > 1e-12).sum()),
        int((differences < -1e-12).sum()),
    )  # fmt: skip


def largest_difference(metric: str, differences: "Array") -> float:
    """The largest difference that the metric's scale allows, or the largest of `differences` if that is beyond it."""
    least, largest = SCALES.get(metric, (0.0, 1.0))
    return max(largest - least, float(abs(differences).max()))


def agreement(rows: Sequence[tuple[str, float, float]], seed: int, resamples: int) -> Agreement | None:
    """The agreement of two verdicts on the same rows; None for no rows. rows: (item, one verdict, the other verdict).

    Kappa (Cohen, 1960, https://doi.org/10.1177/001316446002000104) is the agreement beyond that of two
    judges with the same shares of verdicts, but independent of each other; None where one verdict is constant.
    """
    if not rows:
        return None
    known = sorted({value for _, *both in rows for value in both})
    cells = {(a, b): i * len(known) + j for i, a in enumerate(known) for j, b in enumerate(known)}
    totals = _by_item((item, _one_hot(cells[one, two], len(cells))) for item, one, two in rows)
    resampled = _resampled(totals, seed, resamples, "agreement")
    (raw, chance), (every, by_chance) = (
        _agreed(tables, len(known)) for tables in (totals.sum(axis=0)[None], resampled)
    )
    low, high = intervals.share(*_agreeing(rows))
    kappa = None
    if 1 - chance[0] > 1e-9:
        ends = _interval(every - by_chance, 1 - by_chance)
        kappa = Estimate(len(rows), _round((raw[0] - chance[0]) / (1 - chance[0])), *map(_round, ends))
    return Agreement(len(rows), Estimate(len(rows), _round(raw[0]), _round(low), _round(high)), kappa)


def _agreeing(rows: Sequence[tuple[str, float, float]]) -> tuple["Array", "Array"]:
    """(items,), (items,): the pairs of verdicts of each item, and how many of them are equal."""
    counts, equal = _by_item((item, [1.0, float(one == two)]) for item, one, two in rows).T
    return counts, equal


def _one_hot(place: int, size: int) -> list[float]:
    return [float(i == place) for i in range(size)]


def _agreed(tables: "Array", verdicts: int) -> tuple["Array", "Array"]:
    """(tables,), (tables,): the share in which both agree, and the share that would by chance.

    tables: (tables, verdicts squared), counts by one verdict and the other.
    """
    counts = tables.reshape(-1, verdicts, verdicts)
    whole = counts.sum(axis=(1, 2))
    both = counts.trace(axis1=1, axis2=2) / whole
    return both, (counts.sum(axis=1) * counts.sum(axis=2)).sum(axis=1) / whole**2


def means_by_item(scores: Iterable[Score], metric: str) -> dict[str, float]:
    """Item -> the mean of the metric over its answers that have it."""
    by_item: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        if metric in score.values:
            by_item[score.item].append(score.values[metric])
    return {item: sum(values) / len(values) for item, values in by_item.items()}


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Unbiased estimate of the chance that one of `k` samples is correct (Chen et al., 2021, equation 1).

    Raises ValueError unless 0 <= correct <= samples and 1 <= k <= samples.
    """
    if not (0 <= correct <= samples and 1 <= k <= samples):
        raise ValueError(f"pass@{k} of {correct} correct among {samples} samples")
    missed = 1.0
    for left in range(samples - correct + 1, samples + 1):
        missed *= 1 - k / left if left > k else 0.0
    return 1 - missed


def _by_item(rows: Iterable[tuple[str, list[float]]]) -> "Array":
    """(items, columns): the rows of each item added up, items in the order of their names."""
    import numpy

    sums: dict[str, list[float]] = {}
    for item, row in rows:
        sums[item] = [a + b for a, b in zip(sums[item], row, strict=True)] if item in sums else row
    return numpy.array([sums[item] for item in sorted(sums)], dtype=numpy.float64)


def _resampled(totals: "Array", seed: int, resamples: int, purpose: str) -> "Array":
    """(resamples, columns): the sums over as many items drawn with replacement."""
    import numpy

    random, items = _generator(seed, purpose), len(totals)
    draws = (random.integers(items, size=items) for _ in range(resamples))
    return numpy.stack([numpy.bincount(draw, minlength=items) @ totals for draw in draws])


def _interval(numerator: "Array", denominator: "Array") -> tuple[float, float]:
    """The percentiles of a ratio; draws in which it is undefined are left out."""
    import numpy

    sound = denominator > 1e-12
    if not sound.any():
        return float("nan"), float("nan")
    low, high = numpy.percentile(numerator[sound] / denominator[sound], COVERAGE)
    return float(low), float(high)


def _generator(seed: int, purpose: str) -> "numpy.random.Generator":
    import numpy

    return numpy.random.default_rng(seed_for(seed, "statistics", purpose).getrandbits(64))


def _round(value: Any) -> float:
    return round(float(value), 6)
