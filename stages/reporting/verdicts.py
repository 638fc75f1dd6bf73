"""What an interval and its bounds allow to say: more, less, equal within a margin, no worse, or nothing yet."""

from typing import Protocol

from stages.reporting.html import number
from stages.reporting.planned_comparisons import Claim

CLEAR = 0.05
"""The adjusted p-value below which an effect counts as shown."""
ATTEMPT = {"following": "attempts every task", "accuracy": "gets tasks right", "complete": "gets every task right"}
"""Measure -> what a run does, in words."""


class Compared(Protocol):
    """A difference with its interval, p-value and bounds, in the unit of its measure."""

    @property
    def low(self) -> float:
        """The lower end of the 95% interval."""

    @property
    def high(self) -> float:
        """The upper end."""

    @property
    def p(self) -> float:
        """Adjusted for the family of comparisons."""

    @property
    def excluded(self) -> float:
        """True differences larger than this, either way, are excluded at the 5% level (TOST)."""

    @property
    def lowest(self) -> float:
        """True differences below this are excluded by one such test."""


def is_clear(compared: Compared) -> bool:
    """Whether the interval excludes zero and the adjusted p-value is below 5%."""
    return (compared.low > 0 or compared.high < 0) and compared.p < CLEAR


def verdict(compared: Compared, margin: float | None) -> str:
    """In a word or two. margin: of equivalence, in the unit of the measure; None where no margin is chosen."""
    if is_clear(compared):
        return "better" if compared.low > 0 else "worse"
    if margin is not None and compared.excluded < margin:
        return "equal"
    if margin is not None and compared.lowest > -margin:
        return "no worse"
    return "open"


def sentence(claim: Claim, margin: float | None, family: int) -> str:
    """A claim in words, whichever direction it has. margin: of equivalence, a share; family: the number of claims."""
    subject = f"{claim.treatment} {ATTEMPT[claim.measure]}"
    shares = f"{_points(claim.after)}% against {_points(claim.before)}%"
    change = f"{_points(claim.difference, True)} points [{_points(claim.low, True)}, {_points(claim.high, True)}]"
    p = "p < 0.001" if claim.p < 0.001 else f"p = {claim.p:.3f}"
    numbers = f"{shares}, {change}, {p} by Holm over {family}, {_counted(claim)}"
    if is_clear(claim):
        return f"{subject} {'more' if claim.low > 0 else 'less'} often than {claim.baseline}: {numbers}."
    return f"No difference is shown between {claim.treatment} and {claim.baseline}: {numbers}. {_limits(claim, margin)}"


def _limits(claim: Claim, margin: float | None) -> str:
    """What a comparison that shows no difference can and cannot exclude."""
    design = f"This design shows a difference of {_points(claim.detectable)} points with a chance of 80%"
    outcome = verdict(claim, margin)
    if outcome == "equal":
        return f"{design}; the two are equal within {_points(margin or 0)} points (TOST)."
    if outcome == "no worse":
        return f"{design}; {claim.treatment} is no worse by {_points(margin or 0)} points (one-sided test at 5%)."
    return f"{design}, and excludes only differences above {_points(claim.excluded)} points."


def _counted(claim: Claim) -> str:
    seeds = f", {claim.seeds} training seeds each" if claim.seeds > 1 else ", one training seed each"
    return f"{claim.questions:,} questions{seeds}"


def _points(share: float, sign: bool = False) -> str:
    return number(100 * share, 1, sign)
