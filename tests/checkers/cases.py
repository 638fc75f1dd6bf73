"""What a check is tried with, and the shares of the tries that it accepts."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

INSTANCES = 50
"""Instances of each check; programs are fewer, since each is run."""
Accepts = Callable[[str], bool]
"""Whether a check accepts an answer."""


class Case(NamedTuple):
    """One question with the answers that a check is tried with."""

    accepts: Accepts
    right: str
    other: str
    """The right answer to another question, which is not right here."""
    broken: str
    """The right answer with one thing wrong, of those that the check is about."""


class Shares(NamedTuple):
    """How many of the tries with each kind of answer a check accepts, from 0 to 1."""

    instances: int
    right: float
    empty: float
    other: float
    broken: float


IDEAL = {"right": 1.0, "empty": 0.0, "other": 0.0, "broken": 0.0}


def measured(cases: Iterable[Case]) -> Shares:
    """The shares over all cases."""
    tried = [(c.accepts(c.right), c.accepts(""), c.accepts(c.other), c.accepts(c.broken)) for c in cases]
    return Shares(len(tried), *(sum(column) / len(tried) for column in zip(*tried, strict=True)))
