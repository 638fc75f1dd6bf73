"""The rate that people would give, from the rate that a judge gives and its errors on labelled answers.

Lee et al., How to Correctly Report LLM-as-a-Judge Evaluations, 2025, https://arxiv.org/abs/2511.21140: the estimator of
Rogan & Gladen (1978, https://doi.org/10.1093/oxfordjournals.aje.a112510) with an interval that counts the uncertainty
of both the judged and the labelled answers.
"""

from math import sqrt
from typing import NamedTuple

from stages.evaluation.metrics.intervals import CONFIDENCE, normal

REASONS = {
    "no-good-answer": "people call no labelled answer good, so that the judge's sensitivity is unknown",
    "no-bad-answer": "people call every labelled answer good, so that the judge's specificity is unknown",
    "chance": "sensitivity and specificity add up to 1 or less: the judge does no better than chance",
}  # fmt: skip
"""Why a rate can't be corrected: a closed list."""


class LabelledCounts(NamedTuple):
    """Labelled answers, by what people say and what the judge says of them."""

    good: int
    """Answers that people call good (m1)."""
    good_hits: int
    """Those of them that the judge calls good too."""
    bad: int
    """Answers that people call bad (m0)."""
    bad_hits: int
    """Those of them that the judge calls bad too."""

    @property
    def sensitivity(self) -> float:
        """The share of good answers that the judge calls good (q1). Raises ZeroDivisionError for none."""
        return self.good_hits / self.good

    @property
    def specificity(self) -> float:
        """The share of bad answers that the judge calls bad (q0). Raises ZeroDivisionError for none."""
        return self.bad_hits / self.bad


class CorrectedRate(NamedTuple):
    """A corrected rate with its 95% interval, all from 0 to 1."""

    mean: float
    low: float
    high: float


def uncorrectable(counts: LabelledCounts) -> str:
    """A key of `REASONS`, or "" where a rate can be corrected."""
    if not counts.good:
        return "no-good-answer"
    if not counts.bad:
        return "no-bad-answer"
    return "chance" if counts.sensitivity + counts.specificity <= 1 else ""


def corrected_rate(rate: float, size: int, counts: LabelledCounts) -> CorrectedRate:
    """The rate of good answers, from the judged rate over `size` answers.

    The labelled answers must be drawn without regard to what people would say of them. Raises ValueError where
    `uncorrectable` gives a reason.
    """
    if reason := uncorrectable(counts):
        raise ValueError(REASONS[reason])
    low, high = _interval(rate, size, counts)
    return CorrectedRate(_within(_corrected(rate, counts.specificity, counts.sensitivity)), low, high)


def _corrected(rate: float, specificity: float, sensitivity: float) -> float:
    return (rate + specificity - 1) / (specificity + sensitivity - 1)


def _interval(rate: float, size: int, counts: LabelledCounts) -> tuple[float, float]:
    """The adjusted interval of the paper (section 3): a Wald interval in which z² answers are added to the judged ones,
    and one answer of each verdict to the labelled good and bad ones, with the centre moved accordingly.

    It is the whole range where the added answers leave the judge no better than chance.
    """
    z = normal(CONFIDENCE)
    p, n = (size * rate + z**2 / 2) / (size + z**2), size + z**2
    q0, m0 = (counts.bad_hits + 1) / (counts.bad + 2), counts.bad + 2
    q1, m1 = (counts.good_hits + 1) / (counts.good + 2), counts.good + 2
    gain = q0 + q1 - 1
    if gain <= 0:
        return 0.0, 1.0
    centre = _corrected(p, q0, q1)
    of_bad, of_good = q0 * (1 - q0) / m0, q1 * (1 - q1) / m1
    shift = 2 * z**2 * (centre * of_good - (1 - centre) * of_bad)
    error = sqrt(p * (1 - p) / n + (1 - centre) ** 2 * of_bad + centre**2 * of_good) / gain
    return _within(centre + shift - z * error), _within(centre + shift + z * error)


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
