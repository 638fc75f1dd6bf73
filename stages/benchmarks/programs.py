"""What became of a program that somebody else wrote and a sandbox ran."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from stages.errors import UserError

Ending = Literal["passed", "failed", "timeout", "memory", "output", "killed"]
"""passed: ran to its end. failed: an exception, or it left before its end. timeout, memory, output: a limit was met.
killed: a signal ended it."""


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one program ended."""

    ending: Ending
    detail: str = ""
    """For people: the exception, printable and short; hostile text all the same."""


class NoSandbox(UserError):
    """There is nowhere to run programs in, so none is."""


Execute = Callable[[Iterable[str]], Iterator[Outcome]]
"""Python programs in, what became of each out; same order and number, lazily, each in a sandbox of its own.

Raises NoSandbox, from the stream, where there is none."""
