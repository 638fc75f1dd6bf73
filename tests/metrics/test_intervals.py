"""Intervals hold what they promise at small n; tests agree with their exact values."""

from itertools import product
from math import sqrt
from random import Random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.metrics import intervals


def shares(values: list[float]) -> intervals.Interval:
    return intervals.share(numpy.ones(len(values)), numpy.array(values))


@pytest.mark.parametrize(("n", "p"), list(product((6, 12, 24, 100), (0.02, 0.05, 0.2, 0.5, 0.8, 0.95))))
def test_the_interval_of_a_share_covers_it(n: int, p: float) -> None:
    """Exact coverage: the sum over every number of hits. A percentile bootstrap covers 26% at n = 6, p = 0.05."""
    covered = 0.0
    for hits in range(n + 1):
        low, high = shares([1.0] * hits + [0.0] * (n - hits))
        chance = numpy.prod([(n - i) / (i + 1) for i in range(hits)]) * p**hits * (1 - p) ** (n - hits)
        covered += chance * (low <= p <= high)
    assert covered > 0.95 - 1e-9


def simulated(draw, interval, truth: float, rounds: int = 2000) -> float:
    random = numpy.random.default_rng(7)
    ends = [interval(draw(random)) for _ in range(rounds)]
    return float(numpy.mean([low <= truth <= high for low, high, *_ in ends]))


@pytest.mark.parametrize(("items", "versions"), [(8, 4), (20, 3), (60, 10)])
def test_versions_of_an_item_are_no_more_evidence_than_the_item(items: int, versions: int) -> None:
    def draw(random: numpy.random.Generator) -> numpy.ndarray:
        chances = random.choice((0.1, 0.9), items)  # versions of an item share their fate
        return random.binomial(versions, chances).astype(float)

    def cover(totals: numpy.ndarray) -> intervals.Interval:
        return intervals.share(numpy.full(items, float(versions)), totals)

    assert simulated(draw, cover, 0.5) > 0.93


@pytest.mark.parametrize("n", [6, 24])
@pytest.mark.parametrize("sequence_length", [1, 3])
def test_the_interval_of_shares_of_tasks_covers_their_mean(n: int, sequence_length: int) -> None:
    def draw(random: numpy.random.Generator) -> numpy.ndarray:
        return random.binomial(sequence_length, 0.3, n) / sequence_length

    assert simulated(draw, lambda totals: intervals.share(numpy.ones(n), totals), 0.3) > 0.92


@pytest.mark.parametrize("n", [6, 24, 100])
def test_the_interval_of_a_mean_covers_it(n: int) -> None:
    cover = lambda totals: intervals.mean(numpy.ones(n), totals)  # noqa: E731
    assert 0.93 < simulated(lambda random: random.normal(3, 1, n), cover, 3.0) < 0.97


@pytest.mark.parametrize(("n", "gains", "losses"), list(product((6, 24, 100), (0.02, 0.3), (0.02, 0.3))))
def test_the_interval_of_a_paired_difference_covers_it(n: int, gains: float, losses: float) -> None:
    def draw(random: numpy.random.Generator) -> numpy.ndarray:
        return random.choice((1.0, -1.0, 0.0), n, p=(gains, losses, 1 - gains - losses))

    assert simulated(draw, lambda result: intervals.paired(result, 1.0), gains - losses) > 0.93


def test_no_interval_is_without_width_where_all_values_agree() -> None:
    for value in (0.0, 1.0):
        low, high = shares([value] * 24)
        assert high - low > 0.1
    low, high, detectable, excluded, _ = intervals.paired(numpy.zeros(24), 1.0)
    assert low < 0 < high and detectable > 0.1 and excluded > 0.05


def test_the_exact_interval_is_the_textbooks() -> None:
    """81 of 263: [0.2527, 0.3676], and 0 of 20: [0, 0.1684] (Newcombe, 1998, Table I)."""
    assert shares([1.0] * 81 + [0.0] * 182) == pytest.approx((0.2527, 0.3676), abs=1e-4)
    assert shares([0.0] * 20) == pytest.approx((0, 0.1684), abs=1e-4)


def test_more_items_detect_smaller_differences() -> None:
    random = Random(1)
    result = [
        intervals.paired(numpy.array([random.choice((1.0, 0.0, -1.0)) for _ in range(n)]), 1.0).detectable
        for n in (10, 40, 160, 640)
    ]
    assert result == sorted(result, reverse=True)
    assert result[2] / result[3] == pytest.approx(2, abs=0.2)


def test_as_many_items_as_needed_have_the_power_promised() -> None:
    effect, spread = 0.2, sqrt(0.6 - 0.2**2)  # 40% gained, 20% lost
    count = intervals.needed(effect, spread)
    random = numpy.random.default_rng(3)
    draws = (random.choice((1.0, -1.0, 0.0), count, p=(0.4, 0.2, 0.4)) for _ in range(2000))
    seen = [intervals.paired(draw, 1.0).low > 0 for draw in draws]
    assert numpy.mean(seen) == pytest.approx(0.8, abs=0.05)
    assert intervals.needed(-effect, spread) == count
    with pytest.raises(ValueError, match="effect of 0"):
        intervals.needed(0, spread)


def test_equivalence_is_two_one_sided_tests() -> None:
    """The 90% interval of a mean of 0.01 with a standard error of 0.05, t with 401 degrees of freedom."""
    values = numpy.tile((0.01 + 1.0, 0.01 - 1.0), 200)
    result = intervals.paired(values, 1.0)
    assert result.excluded == pytest.approx(0.00995 + 1.649 * 1.0 / sqrt(402), abs=0.001)
    assert result.lowest == pytest.approx(0.00995 - 1.649 * 1.0 / sqrt(402), abs=0.001)


def flips(differences: list[float]) -> float:
    return intervals.sign_flips(differences, numpy.random.default_rng(1))


@given(st.lists(st.sampled_from((-1.0, -0.5, 0.0, 0.25, 1.0)), min_size=1, max_size=9))
def test_the_permutation_test_is_exact_for_few_items(differences: list[float]) -> None:
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    expected = sum(x >= abs(sum(differences)) - 1e-9 for x in sums) / len(sums)
    assert flips(differences) == pytest.approx(expected)


def test_the_sign_test_and_the_drawn_permutations_agree() -> None:
    assert flips([1.0] * 9 + [-1.0]) == pytest.approx(22 / 1024)
    mixed = [1.0] * 20 + [-1.0] * 9 + [1e-6]  # the last makes it neither equal nor few
    assert flips(mixed) == pytest.approx(flips(mixed[:-1]), abs=0.02)
    assert flips([]) == flips([0.0, 0.0]) == 1.0


def test_holm() -> None:
    """The example of Holm (1979) as worked by hand."""
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm([]) == []
    assert intervals.holm([0.5, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = intervals.holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [adjusted[place] for place in order] == sorted(adjusted)
