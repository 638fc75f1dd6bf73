"""What scores add up to: means with seeded bootstrap intervals, differences between runs, trends. numpy, no files.

Answers to one item (in several languages, asked in several ways) are not independent, so items are resampled, not
answers: Cameron, Gelbach & Miller (2008), Bootstrap-Based Improvements for Inference with Clustered Errors.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stages.benchmarks.questions import Score
from stages.messages import seed_for

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

COVERAGE = (2.5, 97.5)
"""Percentiles between which a 95% interval lies."""


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mean (or slope) over `n` answers with its 95% interval."""

    n: int
    mean: float
    low: float
    high: float


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two runs on the `n` items that both were scored on: treatment minus baseline, its 95% interval, and the two-sided
    p-value of a sign-flip permutation test."""

    n: int
    difference: float
    low: float
    high: float
    p: float


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often two verdicts on the same `n` things are equal, and how often beyond chance."""

    n: int
    raw: Estimate
    kappa: Estimate | None


def summary(scores: Sequence[Score], seed: int, resamples: int) -> dict[str, Any]:
    """Counts, an `Estimate` for every metric, and the same by language, group and number of tasks where these vary.

    n: answers. scored: those with values. statuses: how the answers ended. unscored: reason -> answers. trend: change
    of a metric with one more task (least squares).
    """
    cuts: dict[str, Callable[[Score], str]] = {
        "languages": lambda s: s.language, "groups": lambda s: s.group, "tasks": lambda s: str(s.tasks),
    }  # fmt: skip
    scored = [score for score in scores if score.values]
    cut_up = {name: _cut(scored, cut, seed, resamples, name) for name, cut in cuts.items()}
    trend = trends(scored, seed, resamples)
    return {
        "n": len(scores),
        "scored": len(scored),
        "statuses": dict(Counter(score.status for score in scores)),
        "unscored": dict(Counter(score.reason for score in scores if not score.values)),
        **means(scored, seed, resamples, "all"),
        **{name: found for name, found in cut_up.items() if found},
        **({"trend": trend} if trend else {}),
    }


def _cut(
    scores: Sequence[Score], key: Callable[[Score], str], seed: int, resamples: int, name: str
) -> dict[str, dict[str, Estimate]]:
    parts: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        parts[key(score)].append(score)
    if len(parts) < 2:
        return {}
    return {part: means(parts[part], seed, resamples, f"{name}/{part}") for part in sorted(parts)}


def means(scores: Sequence[Score], seed: int, resamples: int, name: str) -> dict[str, Estimate]:
    """Metric -> mean over the answers that have it, with a bootstrap interval; independent of the order of `scores`."""
    metrics = sorted({metric for score in scores for metric in score.values})
    if not metrics:
        return {}
    totals = _by_item((s.item, [x for m in metrics for x in _counted(s.values, m)]) for s in scores)
    drawn = _resampled(totals, seed, resamples, f"means/{name}")
    found = {}
    for column, metric in enumerate(metrics):
        count, total = totals[:, 2 * column].sum(), totals[:, 2 * column + 1].sum()
        low, high = _interval(drawn[:, 2 * column + 1], drawn[:, 2 * column])
        found[metric] = Estimate(int(count), _round(total / count), _round(low), _round(high))
    return found


def _counted(values: Mapping[str, float], metric: str) -> tuple[float, float]:
    return (1.0, values[metric]) if metric in values else (0.0, 0.0)


def trends(scores: Sequence[Score], seed: int, resamples: int) -> dict[str, Estimate]:
    """Metric -> slope of a line through (number of tasks, value), where there is more than one number of tasks."""
    found = {}
    for metric in sorted({metric for score in scores for metric in score.values}):
        rows = [
            (s.item, [1.0, s.tasks, y, s.tasks * y, float(s.tasks**2)])
            for s in scores
            if (y := s.values.get(metric)) is not None
        ]
        if len({row[1] for _, row in rows}) > 1:
            found[metric] = _slope(_by_item(rows), seed, resamples, metric)
    return found


def _slope(totals: "Array", seed: int, resamples: int, metric: str) -> Estimate:
    n, x, y, xy, xx = totals.sum(axis=0)
    drawn = _resampled(totals, seed, resamples, f"trend/{metric}").T
    low, high = _interval(drawn[3] - drawn[1] * drawn[2] / drawn[0], drawn[4] - drawn[1] ** 2 / drawn[0])
    return Estimate(int(n), _round((xy - x * y / n) / (xx - x * x / n)), _round(low), _round(high))


def compare(
    baseline: Iterable[Score], treatment: Iterable[Score], metric: str, seed: int, resamples: int
) -> Comparison | None:
    """The difference that `treatment` makes, item by item; None if no item was scored in both."""
    import numpy

    before, after = _item_means(baseline, metric), _item_means(treatment, metric)
    items = sorted(before.keys() & after.keys())
    if not items:
        return None
    differences = numpy.array([[1.0, after[item] - before[item]] for item in items])
    drawn = _resampled(differences, seed, resamples, f"compare/{metric}")
    low, high = _interval(drawn[:, 1], drawn[:, 0])
    return Comparison(
        len(items), _round(differences[:, 1].mean()), _round(low), _round(high),
        _round(_sign_flips(differences[:, 1], seed, resamples, metric)),
    )  # fmt: skip


def agreement(rows: Sequence[tuple[str, float, float]], seed: int, resamples: int) -> Agreement | None:
    """How far two verdicts on the same things agree; None if there are none. rows: (item, one verdict, the other).

    Kappa (Cohen, 1960, https://doi.org/10.1177/001316446002000104) is what remains of the agreement when that of two
    judges who say as much of each verdict, but blindly, is taken off; None where either says the same of everything.
    """
    if not rows:
        return None
    known = sorted({value for _, *both in rows for value in both})
    cells = {(a, b): i * len(known) + j for i, a in enumerate(known) for j, b in enumerate(known)}
    totals = _by_item((item, _one_hot(cells[one, two], len(cells))) for item, one, two in rows)
    drawn = _resampled(totals, seed, resamples, "agreement")
    (raw, chance), (every, by_chance) = (_agreed(tables, len(known)) for tables in (totals.sum(axis=0)[None], drawn))
    low, high = _interval(every, every * 0 + 1)
    kappa = None
    if 1 - chance[0] > 1e-9:
        ends = _interval(every - by_chance, 1 - by_chance)
        kappa = Estimate(len(rows), _round((raw[0] - chance[0]) / (1 - chance[0])), *map(_round, ends))
    return Agreement(len(rows), Estimate(len(rows), _round(raw[0]), _round(low), _round(high)), kappa)


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


def _item_means(scores: Iterable[Score], metric: str) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        if metric in score.values:
            found[score.item].append(score.values[metric])
    return {item: sum(values) / len(values) for item, values in found.items()}


def _sign_flips(differences: "Array", seed: int, resamples: int, metric: str) -> float:
    """Share of random signs under which the sum is as far from 0, the signs that were seen counted in."""
    random = _generator(seed, f"signs/{metric}")
    seen = abs(differences.sum()) - 1e-12
    as_far = sum(abs((differences * random.choice((-1, 1), len(differences))).sum()) >= seen for _ in range(resamples))
    return float(1 + as_far) / (1 + resamples)


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

    found: dict[str, list[float]] = {}
    for item, row in rows:
        found[item] = [a + b for a, b in zip(found[item], row, strict=True)] if item in found else row
    return numpy.array([found[item] for item in sorted(found)], dtype=numpy.float64)


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
