"""Run untrusted Python programs in bubblewrap, one sandbox a program.

No network, home folder, environment, keys or other processes; every file is read-only but a small tmpfs; time, memory,
threads and output are limited, and system calls that circumvent these limits are refused. Without a sandbox nothing
runs.

The tests of a program run in one process and the program in another, which never receives them: only plain values pass
between the two. So a program cannot read its tests or the verdict, cannot change what they compare, and cannot pass by
an object that equals everything. No test can tell whether a function computes its results or contains a table of them.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import count
from threading import Lock

from stages.evaluation.benchmarks.program_outcomes import Execute, NoSandbox, Outcome, Program, Reading
from stages.evaluation.sandbox.bubblewrap import Limits, SandboxCommand, sandbox_command
from stages.evaluation.sandbox.process import run

__all__ = ["Limits", "Open", "connect"]

INSTALL = "install it with `apt-get install bubblewrap` (0.8 or later)"
_TRIAL = Program("trial", (Reading(("def trial(value):\n    return value",)),), "assert trial([1]) == [1]")
Open = Callable[[Limits], AbstractContextManager[Execute]]
"""The type of `connect`; a plan passes a function that runs nothing."""


@contextmanager
def connect(limits: Limits, bwrap: str = "bwrap") -> Iterator[Execute]:
    """An `Execute` that runs as many programs at a time as there are cores.

    The sandbox is tested with the first program. Raises NoSandbox, from the stream, without bubblewrap and on a machine
    that forbids namespaces.
    """
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        yield lambda programs: _ordered(pool, 2 * cores, programs, _runner(limits, bwrap))


def _runner(limits: Limits, bwrap: str) -> Callable[[Program], Outcome]:
    """A function that runs one program; it tests the sandbox before the first."""
    lock, checked, numbers = Lock(), cache(lambda: _checked_sandbox(limits, bwrap)), count(1)

    def one(program: Program) -> Outcome:
        with lock:
            sandbox, number = checked(), next(numbers)
        return run(sandbox, program, limits, number)

    return one


def _ordered(
    pool: ThreadPoolExecutor, ahead: int, programs: Iterable[Program], one: Callable[[Program], Outcome]
) -> Iterator[Outcome]:
    """The outcomes in the order of the programs, at most `ahead` of them running or queued."""
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


def _checked_sandbox(limits: Limits, bwrap: str) -> SandboxCommand:
    """The command of a sandbox, after a trial program has passed in it. Raises NoSandbox if it did not."""
    sandbox = sandbox_command(bwrap, limits, os.geteuid() == 0)
    try:
        outcome = run(sandbox, _TRIAL, Limits(60, limits.memory, limits.processes, limits.output), 0)
    except (FileNotFoundError, PermissionError) as error:
        problem = "not found" if isinstance(error, FileNotFoundError) else "may not be run"
        raise NoSandbox(f"{bwrap}: {problem}; generated code runs in bubblewrap or not at all, {INSTALL}") from None
    if outcome.ending != "passed":
        raise NoSandbox(
            f"{bwrap}: no sandbox can be opened ({outcome.detail or outcome.ending}), so generated code is not run; "
            f"the machine must allow user namespaces (or root), and bubblewrap must be current: {INSTALL}"
        )
    return sandbox
