"""How long a run takes from here on: an estimate from finished requests, the ages of those in flight, and rows.

Rows are finished in their order, so one slow request holds back the count of rows for all that are done behind it. So
the estimate rests on requests: their durations, with those in flight as durations that are at least their age
(Kaplan and Meier 1958, the tail beyond the longest as in Brown, Hollander and Korwar 1974), and how many are to come.
"""

from collections.abc import Sequence
from math import exp, log
from typing import NamedTuple

OPEN_ROW = 0.6
"""What a row that is begun and not finished counts as, of a finished one."""
GROUND = 3
"""Finished requests below which nothing is said."""
ROUND = 0.5
"""Share of the requests in flight that must have finished too: before, only quick ones can have."""
SETTLING = 20.0
"""Seconds in which what is shown comes nearer to a new estimate by two thirds."""
LARGEST_STEP = 1.6
"""Factor by which what is shown changes at most from one update to the next."""


class Work(NamedTuple):
    """The state of a run."""

    elapsed: float
    """Seconds since the first request."""
    durations: Sequence[float]
    """Seconds that finished requests took, some of the latest."""
    ages: Sequence[float]
    """Seconds since each request in flight was sent."""
    finished: int
    """Requests that were sent and are finished."""
    cached: int
    """Requests since the first one that was sent whose replies were stored."""
    rows_begun: int
    """Rows with a request since then."""
    rows_finished: int
    """Rows that are finished since then."""
    rows_left: int
    """Rows that are not finished."""


def seconds_left(work: Work) -> float | None:
    """The seconds that a run still takes; None while there is no ground for an estimate, or nothing is left."""
    in_flight = len(work.ages)
    if work.finished < max(GROUND, ROUND * in_flight) or not work.rows_left:
        return None
    mean = mean_duration(work.durations, work.ages)
    width = max(1.0, (sum(work.ages) + work.finished * mean) / max(work.elapsed, mean))
    left = requests_left(work) * mean + sum(residual(work.durations, age, mean) for age in work.ages[:64]) * (
        in_flight / max(1, min(in_flight, 64))
    )
    return left / min(width, max(1.0, requests_left(work) + in_flight))


def requests_left(work: Work) -> float:
    """How many requests are still to be sent, by those per row up to now."""
    begun = max(work.rows_begun, work.rows_finished)
    issued = work.finished + len(work.ages) + work.cached
    per_row = issued / max(work.rows_finished + OPEN_ROW * (begun - work.rows_finished), 1.0)
    to_come = max(0.0, per_row * (work.rows_finished + work.rows_left) - issued)
    return to_come * (issued - work.cached) / max(issued, 1)


def mean_duration(durations: Sequence[float], ages: Sequence[float]) -> float:
    """The mean duration of requests, with those in flight as censored at their age."""
    at_risk, share, mean, before = len(durations) + len(ages), 1.0, 0.0, 0.0
    for time, ended in sorted([(one, True) for one in durations] + [(one, False) for one in ages]):
        mean, before = mean + share * (time - before), time
        share *= (1 - 1 / at_risk) if ended else 1
        at_risk -= 1
    return mean + share * _scale(durations, ages)


def residual(durations: Sequence[float], age: float, mean: float) -> float:
    """The seconds that a request of this age still takes: the mean over those that took longer."""
    longer = [one - age for one in durations if one > age]
    # Beyond all that was seen, as long again as it has taken: the tail of a distribution without a scale.
    return sum(longer) / len(longer) if longer else max(mean, age) / 2


def _scale(durations: Sequence[float], ages: Sequence[float]) -> float:
    """The mean of the exponential distribution that fits best: all time under way, over what has ended."""
    return (sum(durations) + sum(ages)) / max(len(durations), 1)


def shown(previous: float | None, estimate: float, seconds: float) -> float:
    """What to show: `previous`, which is `seconds` old, brought nearer to a new estimate, by a factor at most.

    Where `previous` has run out and there is work left, it says nothing any more, and the estimate stands.
    """
    if previous is None or previous <= seconds:
        return estimate
    expected = max(previous - seconds, 1.0)
    ratio = log(max(estimate, 1.0) / expected) * (1 - exp(-seconds / SETTLING))
    limit = log(LARGEST_STEP)
    return expected * exp(min(max(ratio, -limit), limit))
