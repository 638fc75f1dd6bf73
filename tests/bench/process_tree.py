"""A client as a process with children: its peak memory, its end, and kill -9 of all of it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICK = 0.1
"""Seconds between two looks."""


class Ended(NamedTuple):
    """How a process ended."""

    status: int | None
    """Exit status; None where it was stopped at its limit of time, negative where it was killed."""
    wall: float
    cpu: float
    """Seconds, of it and of all that it has waited for, start and imports included."""
    peak: float
    """MiB of it and its descendants, pages that they share counted once; the most of all looks."""


def descendants(root: int) -> list[int]:
    """The process and all that have it as an ancestor, or its session."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), int(fields[3]))
    chosen = {process for process, (_, session) in parents.items() if session == root} | {root}
    while more := {process for process, (parent, _) in parents.items() if parent in chosen} - chosen:
        chosen |= more
    return sorted(chosen & {*parents})


def memory(processes: list[int]) -> float:
    """MiB that they take together (proportional set size)."""
    kilobytes = 0
    for process in processes:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        kilobytes += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return kilobytes / 1024


def kill(root: int, spared: int = 0) -> None:
    """SIGKILL to the process and all its descendants, but for one."""
    for process in descendants(root):
        if process != spared:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def watch(
    command: list[str], log: Path, environment: dict[str, str], limit: float, stop: Callable[[], bool] = lambda: False
) -> Ended:
    """Run a command until it ends, for `limit` seconds, or until `stop`, which is asked at every look."""
    began = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=log.parent, env=environment,
            start_new_session=True,
        )  # fmt: skip
    peak, late = 0.0, False
    while True:
        ended, raw, used = os.wait4(process.pid, os.WNOHANG)
        wall = time.perf_counter() - began
        if ended:
            break
        late = wall > limit
        if late or stop():
            kill(process.pid)
            _, raw, used = os.wait4(process.pid, 0)
            break
        peak = max(peak, memory(descendants(process.pid)))
        time.sleep(TICK)
    process.returncode = os.waitstatus_to_exitcode(raw)
    kill(process.pid, spared=process.pid)  # what it has left behind
    return Ended(None if late else process.returncode, wall, used.ru_utime + used.ru_stime, peak)
