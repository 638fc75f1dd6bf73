"""What a judge receives and returns: the types that benchmarks and judges share."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec


class Exchange(NamedTuple):
    """One response to rate."""

    id: str
    instruction: str
    response: str


class ResponsePair(NamedTuple):
    """Two responses to one instruction, to be compared."""

    id: str
    instruction: str
    baseline: str
    treatment: str


class TaskCase(NamedTuple):
    """One response to check against the tasks of its instruction."""

    id: str
    tasks: tuple[str, ...]
    instruction: str
    response: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind of verdict has in common."""

    reason: str = ""
    """"" or why there is no verdict: judge-unparsed, judge-thought, judge-refused, judge-failed,
    judge-none (no judge is wanted), no-tasks."""
    replies: tuple[str, ...] = ()
    """Keys of the judge's replies in the reply store, in the order of the requests."""
    text_hashes: tuple[str, ...] = ()
    """For each of `replies`, the first 32 hexadecimal digits of its text's SHA-256."""
    judge: str = ""
    """Identity of the judge."""
    text: str = ""
    """The last reply, word for word; one per line where a verdict needs several."""


class Rating(Verdict, frozen=True):
    """A judge's verdict on one exchange."""

    values: dict[str, float]
    """Metric -> value, those of `Judge.metrics`; empty without a verdict."""


class Preference(Verdict, frozen=True):
    """A judge's verdict on a pair; the reply and text of the first order come before those of the second."""

    orders: tuple[float, ...]
    """The treatment's share of the preference, in [0, 1], in second place and in first place; empty unless both orders
    have a verdict."""


class TaskList(Verdict, frozen=True):
    """The tasks that an instruction states."""

    tasks: tuple[str, ...]
    """In the order of the instruction; empty where they could not be listed."""


class TaskVerdicts(Verdict, frozen=True):
    """A judge's verdict on each task of one response."""

    done: tuple[float, ...]
    """For each task a value in [0, 1], done above 0.5; empty unless every task has a verdict."""


RateResponses = Callable[[Iterable[Exchange | None]], Iterator[Rating | None]]
"""A rating for each exchange, in order; None stays None without a request."""
ComparePairs = Callable[[Iterable[ResponsePair]], Iterator[Preference]]
"""A preference for each pair, in order."""
ListTasks = Callable[[Iterable[tuple[str, str]]], Iterator[TaskList]]
"""The tasks of each (id, instruction), in order."""
CheckTasks = Callable[[Iterable[TaskCase]], Iterator[TaskVerdicts]]
"""The verdicts for each case, in order."""
