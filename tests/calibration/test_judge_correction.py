"""Rates corrected by a judge's errors: the formulas against hand-computed values, and coverage by simulation."""

import numpy
import pytest

from stages.evaluation.calibration.judge_correction import LabelledCounts, corrected_rate, uncorrectable


def test_a_perfect_judge_is_not_corrected() -> None:
    rate = corrected_rate(0.3, 1000, LabelledCounts(50, 50, 50, 50))
    assert rate.mean == pytest.approx(0.3)
    assert rate.low < 0.3 < rate.high


def test_the_correction_by_hand() -> None:
    """Judged 0.6 with specificity 0.8 and sensitivity 0.9: (0.6 + 0.8 - 1) / (0.8 + 0.9 - 1).

    The interval: with z = 1.95996, n = 203.841, p = 0.59811, q0 = 17/22, q1 = 37/42 the centre is 0.56731, moved by
    -0.01565, and half its width 0.17681.
    """
    rate = corrected_rate(0.6, 200, LabelledCounts(40, 36, 20, 16))
    assert rate.mean == pytest.approx(0.4 / 0.7)
    assert (rate.low, rate.high) == pytest.approx((0.37485, 0.72847), abs=1e-5)


def test_a_rate_stays_within_its_range() -> None:
    assert corrected_rate(0.05, 100, LabelledCounts(20, 18, 20, 16)).mean == 0.0
    assert corrected_rate(1.0, 100, LabelledCounts(20, 16, 20, 18)).mean == 1.0
    assert corrected_rate(0.0, 100, LabelledCounts(20, 18, 20, 16)).low == 0.0


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (LabelledCounts(0, 0, 5, 5), "no-good-answer"), (LabelledCounts(5, 5, 0, 0), "no-bad-answer"),
        (LabelledCounts(4, 2, 4, 2), "chance"), (LabelledCounts(4, 0, 4, 0), "chance"),
        (LabelledCounts(4, 3, 4, 3), ""),
    ],
)  # fmt: skip
def test_what_can_not_be_corrected(counts: LabelledCounts, reason: str) -> None:
    assert uncorrectable(counts) == reason
    if reason:
        with pytest.raises(ValueError, match=r"people|chance"):
            corrected_rate(0.5, 10, counts)


def test_so_few_labels_that_the_judge_may_be_no_better_than_chance_give_the_whole_range() -> None:
    """One good answer that is found, one of three bad ones that is: with an answer of each verdict added, q0 + q1 is
    2/3 + 2/5."""
    assert corrected_rate(0.5, 50, LabelledCounts(1, 1, 3, 1)).low == 0.0
    assert corrected_rate(0.5, 50, LabelledCounts(3, 1, 4, 3))[1:] == (0.0, 1.0)


@pytest.mark.parametrize(("truth", "q0", "q1"), [(0.3, 0.7, 0.9), (0.8, 0.85, 0.75), (0.95, 0.9, 0.9)])
def test_the_interval_covers_the_truth_where_the_judged_rate_is_far_off(truth: float, q0: float, q1: float) -> None:
    """In at least 93% of 1,000 simulated evaluations of 400 answers with 80 labels drawn at random."""
    random, covered, naive = numpy.random.default_rng(7), 0, 0
    for _ in range(1000):
        rate = float(random.binomial(400, truth * q1 + (1 - truth) * (1 - q0)) / 400)
        good = int(random.binomial(80, truth))
        counts = LabelledCounts(
            good, int(random.binomial(good, q1)), 80 - good, int(random.binomial(80 - good, q0))
        )  # fmt: skip
        if uncorrectable(counts):
            covered += 1  # nothing is claimed
            continue
        corrected = corrected_rate(rate, 400, counts)
        covered += corrected.low <= truth <= corrected.high
        naive += abs(rate - truth) < 2 * (rate * (1 - rate) / 400) ** 0.5
    assert covered >= 930
    assert naive < covered
