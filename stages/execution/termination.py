"""Hands SIGTERM on to the processes of a run, which else go on without it: they hold DVC's lock and send requests."""

import contextlib
import os
import signal
import threading
from collections import defaultdict
from pathlib import Path
from types import FrameType, TracebackType

AGAIN = 5.0
"""Seconds after which processes that are still there are interrupted again: one that only just started may miss it."""


class Termination:
    """While it is open, SIGTERM to this process interrupts a child and all below it, as Ctrl-C in a terminal does."""

    def __init__(self, child: int) -> None:
        """child: a process id, of DVC."""
        self._child, self._former = child, signal.getsignal(signal.SIGTERM)
        self._former_alarm = signal.getsignal(signal.SIGALRM)
        self.is_requested = False

    def interrupt(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        """Interrupt the processes now. Those of a run in the background, which ignore SIGINT, get SIGTERM."""
        self.is_requested = True
        signal.setitimer(signal.ITIMER_REAL, AGAIN)
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        for process in (*_below(self._child), self._child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM if ignored else signal.SIGINT)

    def __enter__(self) -> "Termination":
        """Take SIGTERM over; in another thread than the main one, nothing."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.interrupt)
            self._former_alarm = signal.signal(signal.SIGALRM, self.interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give SIGTERM back. Raises KeyboardInterrupt where it came, after the processes have ended."""
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._former_alarm)
            signal.signal(signal.SIGTERM, self._former)
        if self.is_requested and error is None:
            raise KeyboardInterrupt


def _below(process: int) -> list[int]:
    """The processes below one, those that were started last first."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            # The name of the program, in brackets, may hold brackets and spaces.
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            children[parent].append(int(path.parent.name))
    processes = [process]
    for one in processes:
        processes += children[one]
    return processes[:0:-1]
