"""What became of a program that somebody else wrote and a sandbox ran."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from stages.core.errors import UserError


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to cut a reply into pieces of code."""

    pieces: tuple[str, ...]
    loose: bool = False
    """Whether there may be prose between the code or a statement that was cut off: definitions are taken from it and
    nothing else runs."""
    tentative: bool = False
    """Whether it is none if it is not valid Python as a whole. Otherwise a piece that is meant to define the function
    and is not valid is a wrong answer."""


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code that somebody wrote, and how it is tested."""

    name: str
    """What it has to define: a function, or anything else that can be called."""
    readings: tuple[Reading, ...]
    """Best first; see `stages.evaluation.sandbox.inside.loading.load`."""
    test: str
    """Runs to its end if the code is right. It has `name`, which it may call with plain values, gets plain values back
    from, and learns nothing else about: not its identity, not its attributes, not what it did to its arguments."""
    preface: str = ""
    """Imports and helpers that both the code and its test rely on."""


Ending = Literal["passed", "failed", "timeout", "memory", "output", "killed"]
"""passed: its test ran to the end. failed: an exception, or it left before its end. timeout, memory, output: a limit
was met. killed: a signal ended it."""


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one program ended."""

    ending: Ending
    detail: str = ""
    """For people: the exception, printable and short; hostile text all the same."""


class NoSandbox(UserError):
    """There is nowhere to run programs in, so none is."""


Execute = Callable[[Iterable[Program]], Iterator[Outcome]]
"""Programs in, what became of each out; same order and number, lazily, each in a sandbox of its own.

Raises NoSandbox, from the stream, where there is none."""
