"""Statistics of an ablation: totals and histograms before and after, a two-sample test of lengths, shared ids."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stages.ablations.row_lengths import Arm

BIN = 32
"""Tokens of a bar of a histogram; the last bar has no upper limit."""
BARS = 64


def report_lengths(before: Mapping[str, Arm], after: Mapping[str, Arm]) -> dict[str, Any]:
    """Statistics of the arms before and after an ablation, for metrics; the first two of either are compared."""
    first, second, *_ = after.values()
    compared = {"before": [*before.values()][:2], "after": [first, second]}
    tests = {when: two_sample(*(arm.lengths for arm in arms)) for when, arms in compared.items() if len(arms) == 2}
    return {
        "before": {name: _summary(arm) for name, arm in before.items()},
        "after": {name: _summary(arm) for name, arm in after.items()},
        "tokens_difference": sum(first.lengths) - sum(second.lengths),
        "longest": max((*first.lengths, *second.lengths), default=0),
        "same_lengths": Counter(first.lengths) == Counter(second.lengths),
        "kolmogorov_smirnov": tests,
        "ids": overlap(first.ids, second.ids),
    }


def _summary(arm: Arm) -> dict[str, Any]:
    rows, tokens = len(arm.lengths), sum(arm.lengths)
    return {
        "rows": rows,
        "tokens": tokens,
        "mean": round(tokens / rows, 3) if rows else 0.0,
        "histogram": histogram(arm.lengths),
    }


def histogram(lengths: Sequence[int]) -> list[int]:
    """Rows in [0, BIN), [BIN, 2 BIN), …, the last bar open; without the empty bars at the end."""
    counts = Counter(min(length // BIN, BARS - 1) for length in lengths)
    return [counts[bar] for bar in range(max(counts, default=-1) + 1)]


def two_sample(first: Sequence[int], second: Sequence[int]) -> dict[str, float]:
    """Kolmogorov and Smirnov's test that two samples have one distribution: the largest distance D of their
    cumulative shares, and the asymptotic probability of a larger one (Numerical Recipes 14.3; conservative where
    there are ties)."""
    if not first or not second:
        return {"d": 0.0, "p": 1.0}
    a, b = sorted(first), sorted(second)
    d = max(abs(bisect_right(a, x) / len(a) - bisect_right(b, x) / len(b)) for x in {*a, *b})
    effective = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return {"d": round(d, 6), "p": round(_kolmogorov((effective + 0.12 + 0.11 / effective) * d), 6)}


def _kolmogorov(x: float) -> float:
    if x < 0.2:  # the series does not converge there, and the probability is 1 to 12 digits
        return 1.0
    terms = (2.0 * (-1.0) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def overlap(first: Sequence[str], second: Sequence[str]) -> dict[str, Any]:
    """Ids that both arms have, and their share of all."""
    both, either = set(first) & set(second), set(first) | set(second)
    return {"both": len(both), "either": len(either), "share": round(len(both) / len(either), 6) if either else 0.0}
