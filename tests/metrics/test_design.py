"""Power before a run, and differences between groups of training seeds: simulated, they hold what they promise."""

from math import inf

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.metrics import intervals
from stages.evaluation.metrics.design_power import adjusted_for, detectable, questions_for
from stages.evaluation.metrics.seed_variance import difference_of_groups


@pytest.mark.parametrize("questions", [12, 24, 100, 400])
def test_the_detectable_difference_is_seen_four_times_of_five(questions: int) -> None:
    """Two runs about 50%, independent of each other: the very assumption that the plan states."""
    effect, random = detectable(questions), numpy.random.default_rng(3)
    high, low = (1 + effect) / 2, (1 - effect) / 2
    wins, draws = 0, 1500
    for _ in range(draws):
        treatment, baseline = random.random(questions) < high, random.random(questions) < low
        wins += intervals.paired(treatment.astype(float) - baseline, 1.0).low > 0
    assert 0.75 < wins / draws < 0.85


@given(st.floats(0.02, 0.9))
def test_so_many_questions_are_needed_and_no_fewer(effect: float) -> None:
    count = questions_for(effect)
    assert detectable(count) <= effect
    assert detectable(count - 4) > effect  # the search starts from the normal distribution


def test_impossible_designs() -> None:
    assert detectable(0) == detectable(3) == inf  # even if every question flipped
    assert detectable(10) < 1
    for effect in (0.0, 1.0, -1.5):
        with pytest.raises(ValueError, match="cannot be planned for"):
            questions_for(effect)


def test_more_measures_need_larger_differences() -> None:
    assert adjusted_for(1) == pytest.approx(1)
    assert adjusted_for(10) == pytest.approx((2.807 + 0.842) / (1.960 + 0.842), abs=0.001)


def groups(random: numpy.random.Generator, seeds: int, items: int, spread: float) -> list[numpy.ndarray]:
    """Two groups without any true difference; seeds move a group's rate of success, items have rates of their own."""
    rates = random.uniform(0.2, 0.8, items)
    moved = [random.normal(0, spread, (seeds, 1)) for _ in range(2)]
    return [(random.random((seeds, items)) < numpy.clip(rates + move, 0, 1)).astype(float) for move in moved]


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_over_items_and_seeds_covers_no_difference(seeds: int, spread: float) -> None:
    random = numpy.random.default_rng(5)
    results = [difference_of_groups(*groups(random, seeds, 60, spread), 1.0) for _ in range(600)]
    assert numpy.mean([result.paired.low <= 0 <= result.paired.high for result in results]) > 0.92
    assert numpy.mean([result.p < 0.05 for result in results]) < 0.08


def test_items_alone_do_not_cover_what_seeds_move() -> None:
    """Why seeds count: an interval of one run against another, over its items, too often claims a difference."""
    random = numpy.random.default_rng(6)
    covered = []
    for _ in range(600):
        baseline, treatment = groups(random, 1, 60, 0.15)
        low, high, *_ = intervals.paired((treatment - baseline)[0], 1.0)
        covered.append(low <= 0 <= high)
    assert numpy.mean(covered) < 0.75


def test_one_seed_each_is_the_paired_interval() -> None:
    baseline, treatment = groups(numpy.random.default_rng(1), 1, 40, 0.1)
    result = difference_of_groups(baseline, treatment, 1.0)
    alone = intervals.paired((treatment - baseline)[0], 1.0)
    assert result.paired[:2] == pytest.approx(alone[:2]) and result.paired[3:] == pytest.approx(alone[3:])
    assert result.seed_error == 0
    assert result.difference == pytest.approx(float((treatment - baseline).mean()))
