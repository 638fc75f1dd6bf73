"""Python programs that nobody has read run here and can do no harm: bubblewrap, one sandbox a program.

No network, no home, no environment, no keys, no other processes to see; every file is read-only but a small tmpfs;
time, memory, threads and output are limited, and system calls that get around these limits are refused. Where there is
no sandbox nothing runs.

The tests of a program run in a process of their own, the program in another that never has them: only plain values pass
between the two. So a program cannot read its tests or the verdict, cannot change what they compare, and cannot pass by
an object that equals everything. What remains is what a test cannot know of any function: whether it computes its
results or has learnt them by heart.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import count
from threading import Lock

from stages.evaluation.benchmarks.program_outcomes import Execute, NoSandbox, Outcome, Program, Reading
from stages.evaluation.sandbox.bubblewrap import Jail, Limits, jail
from stages.evaluation.sandbox.process import run

__all__ = ["ASSUMED", "Limits", "connect"]

INSTALL = "install it with `apt-get install bubblewrap` (0.8 or later)"
_TRIAL = Program("trial", (Reading(("def trial(value):\n    return value",)),), "assert trial([1]) == [1]")
ASSUMED: ContextVar[Outcome | None] = ContextVar("assumed", default=None)
"""Set while a plan is made: nothing runs, and every program is said to have ended like this."""


@contextmanager
def connect(limits: Limits, bwrap: str = "bwrap") -> Iterator[Execute]:
    """An `Execute` that runs as many programs at a time as there are cores.

    The sandbox is tried when the first program comes; from the stream, NoSandbox is raised where there is none: no
    bubblewrap, or a machine that forbids namespaces.
    """
    if assumed := ASSUMED.get():
        yield lambda programs: (assumed for _ in programs)
        return
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        yield lambda programs: _ordered(pool, 2 * cores, programs, _runner(limits, bwrap))


def _runner(limits: Limits, bwrap: str) -> Callable[[Program], Outcome]:
    """Runs one program; the sandbox is looked for and tried at the first."""
    lock, tried, numbers = Lock(), cache(lambda: _tried(limits, bwrap)), count(1)

    def one(program: Program) -> Outcome:
        with lock:
            walls, number = tried(), next(numbers)
        return run(walls, program, limits, number)

    return one


def _ordered(
    pool: ThreadPoolExecutor, ahead: int, programs: Iterable[Program], one: Callable[[Program], Outcome]
) -> Iterator[Outcome]:
    """The outcomes in the order of the programs, at most `ahead` under way."""
    waiting: deque[Future[Outcome]] = deque()
    try:
        for program in programs:
            waiting.append(pool.submit(one, program))
            if len(waiting) == ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _tried(limits: Limits, bwrap: str) -> Jail:
    """The walls of a sandbox, once an empty program has run in one. Raises NoSandbox if it can't."""
    walls = jail(bwrap, limits, os.geteuid() == 0)
    try:
        outcome = run(walls, _TRIAL, Limits(60, limits.memory, limits.processes, limits.output), 0)
    except (FileNotFoundError, PermissionError) as error:
        found = "not found" if isinstance(error, FileNotFoundError) else "may not be run"
        raise NoSandbox(f"{bwrap}: {found}; generated code runs in bubblewrap or not at all, {INSTALL}") from None
    if outcome.ending != "passed":
        raise NoSandbox(
            f"{bwrap}: no sandbox can be opened ({outcome.detail or outcome.ending}), so generated code is not run; "
            f"the machine must allow user namespaces (or root), and bubblewrap must be current: {INSTALL}"
        )
    return walls
