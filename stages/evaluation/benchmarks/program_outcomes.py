"""Programs to run in a sandbox, and their outcomes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from stages.core.errors import UserError


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pieces of code of a reply, by one of several rules of extraction."""

    pieces: tuple[str, ...]
    loose: bool = False
    """Whether there may be prose between the code, or a truncated statement: only definitions are taken from it."""
    tentative: bool = False
    """Whether it is ignored if it is not valid Python as a whole. Otherwise an invalid piece that begins the function's
    definition is a wrong answer."""


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code of an answer, and its tests."""

    name: str
    """The function, or another callable, that it must define."""
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
    """The end of one program."""

    ending: Ending
    detail: str = ""
    """For people: the exception, printable and short; hostile text all the same."""


class NoSandbox(UserError):
    """This machine has no sandbox, so no program is run."""


Execute = Callable[[Iterable[Program]], Iterator[Outcome]]
"""Programs -> their outcomes, in the same order and number, lazily, each in a sandbox of its own.

Raises NoSandbox, from the stream, where there is none."""
