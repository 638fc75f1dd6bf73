"""How large a difference a planned comparison can detect, and how many questions an effect needs, before any run.

Both runs answer the same questions, right or wrong. What they differ by on a question is 1, 0 or -1. Its variance is
largest where both runs are right on about half of the questions and independent of each other: (1 - difference²) / 2.
Real runs agree more often than that, the more so the further they are from 50%, so these numbers are on the safe side.
"""

from math import inf, sqrt

from stages.evaluation.metrics.intervals import CONFIDENCE, POWER, needed, normal, student


def detectable(questions: int) -> float:
    """The smallest true difference of two shares that so many questions show with a chance of about 80%, below 1.

    Two-sided at the 5% level, one measure alone, by the interval of `intervals.paired`; infinite where so few questions
    show none.
    """
    if questions < 1:
        return inf
    padded = questions + 2  # that interval pads the differences by two
    quantiles = (student(CONFIDENCE, padded - 1) + student(2 * POWER - 1, padded - 1)) ** 2
    # The difference, which the padding pulls towards 0, is as many standard errors as the two quantiles together.
    part = quantiles * padded * questions / 2
    left = questions**2 * (padded - 1 + quantiles) - part
    difference = sqrt(quantiles * padded * (questions / 2 + 2) / left) if left > 0 else inf
    return difference if difference < 1 else inf


def questions_for(effect: float) -> int:
    """How many questions show a true difference `effect` of two shares with a chance of about 80%; see `detectable`.

    Raises ValueError for an effect outside (0, 1).
    """
    if not 0 < abs(effect) < 1:
        raise ValueError(f"an effect of {effect} cannot be planned for; it lies between 0 and 1")
    count = needed(effect, sqrt((1 - effect**2) / 2))  # by the normal distribution, so a little too few
    while detectable(count) > abs(effect):
        count += 1
    return count


def adjusted_for(measures: int) -> float:
    """By which factor a difference must be larger for the first step of Holm's method over `measures` to show it."""
    first = normal(1 - (1 - CONFIDENCE) / max(1, measures))
    return (first + normal(2 * POWER - 1)) / (normal(CONFIDENCE) + normal(2 * POWER - 1))
