"""Progress of a connection: rows and replies so far, cached ones, requests in flight, rates, failures, time left."""

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import msgspec

from stages.core.completions import Reply
from stages.inference.terminal import ProgressLine, View
from stages.inference.time_left import Work, seconds_left, shown

RECENT = 512
"""Durations of finished requests from which the time left is estimated: the latest."""
UPDATE = 1.0
"""Seconds between two estimates of the time left."""
COUNTED_ROWS = 100_000
"""Rows that are told apart; beyond, each request in flight counts as a row."""


class Progress:
    """Counts of one connection. Requested and cached replies differ between runs, so they never go into metrics."""

    def __init__(self, purpose: str, model: str, log: Path | None = None) -> None:
        """`purpose`: the beginning of each line; the model's identity if empty.

        `log`: a file to which a line of JSON is appended at the end, if anything was requested.
        """
        self.label, self.model, self._log = purpose or model, model, log
        self.requested = self.cached = self.failed = self.tokens_in = self.tokens_out = self.in_flight = 0
        self.rows, self.total = 0, 0
        """Finished rows, and all expected rows; 0 if their number is not known."""
        self._announced = self._later = 0
        """Rows of the passes over the corpus that have begun, and of those that will follow."""
        self._begun_before = 0
        """Rows with a request in earlier passes."""
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._first_request: tuple[float, int, int] | None = None
        """When the first request was sent, and how many rows were finished and replies cached by then."""
        self._sent: dict[bytes | int, float] = {}
        """Request in flight -> when it was sent."""
        self._durations = deque[float](maxlen=RECENT)
        self._rows_begun = set[int]()
        self._last_left: tuple[float, float | None] = (-math.inf, None)
        """When the time left was last estimated, and what was shown."""
        self._display = ProgressLine(self.view)

    @property
    def replies(self) -> int:
        """Replies so far, requested and cached."""
        return self.requested + self.cached

    def expect(self, rows: int, later: int = 0) -> None:
        """Expect so many more rows, and about `later` after them, which takes the place of what was said before."""
        with self._lock:
            if self._later:  # the next pass over the same rows
                self._begun_before += len(self._rows_begun)
                self._rows_begun.clear()
            self._announced, self._later = self._announced + rows, later
            self.total = self._announced + later

    def finish(self) -> None:
        """Count a finished row."""
        self.rows += 1

    def count_cached(self, count: int) -> None:
        """Count replies that came out of the store."""
        self.cached += count
        self.tick()

    def send(self, key: bytes = b"", row: str = "") -> None:
        """Count a request sent to the engine. `row`: the one that it is about."""
        with self._lock:
            now = time.monotonic()
            self._first_request = self._first_request or (now, self.rows, self.cached)
            self.in_flight += 1
            self._sent[key or -self.in_flight] = now
            if len(self._rows_begun) < COUNTED_ROWS:
                self._rows_begun.add(hash(row))

    def receive(self, replies: list[Reply], keys: Iterable[bytes] = ()) -> None:
        """Count replies from the engine, to requests with these keys."""
        with self._lock:
            now = time.monotonic()
            self._durations += [now - self._sent.pop(key) for key in keys if key in self._sent]
            self.in_flight -= len(replies)
            self.requested += len(replies)
            self.failed += sum(reply.status == "failed" for reply in replies)
            self.tokens_in += sum(reply.tokens_in for reply in replies)
            self.tokens_out += sum(reply.tokens_out for reply in replies)

    def tick(self) -> None:
        """Show the progress, if it is time to."""
        self._display.tick()

    def view(self) -> View:
        """The line to show. Rates count from the first request on, as cached replies are much faster."""
        now = time.monotonic()
        seconds = max(now - self._first_request[0], 1e-9) if self._first_request else 1e-9
        parts = [f"{self.rows}/{self.total} rows"] if self.total else []
        parts += [f"{self.replies} replies", f"{self.cached} cached", f"{self.in_flight} in flight"]
        rates = [f"{self.requested / seconds:.1f} requests/s", f"{self.tokens_out / seconds:.0f} tokens/s"]
        parts += rates if self.requested else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [self._time_left(now)] if self.rows < self.total and self._first_request else []
        return View(self.label, self.rows / self.total if self.total else None, ", ".join(parts))

    def _time_left(self, now: float) -> str:
        """The time left as text, estimated anew every second."""
        then, left = self._last_left
        if now - then >= UPDATE:
            estimate = seconds_left(self._work(now))
            left = None if estimate is None else shown(left, estimate, now - then)
            self._last_left = now, left
        return "time left unknown" if left is None else f"{_clock(left)} left"

    def _work(self, now: float) -> Work:
        """The state since the first request: rows and replies before it were cached, and took no time."""
        with self._lock:
            started, rows_before, cached_before = self._first_request or (now, self.rows, self.cached)
            ages = [now - since for since in self._sent.values()]
            begun = self._begun_before + len(self._rows_begun)
            return Work(
                now - started, [*self._durations], ages, self.requested, self.cached - cached_before,
                begun if begun < COUNTED_ROWS else self.rows - rows_before + len(ages),
                self.rows - rows_before, self.total - self.rows,
            )  # fmt: skip

    def summary(self) -> str:
        """The line to print at the end."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        return (
            f"{self.label}: {self.replies} replies in {seconds:.1f} s ({self.cached} cached, "
            f"{self.requested} sent, {self.failed} failed; {self.tokens_in} tokens in, {self.tokens_out} out, "
            f"{self.tokens_out / seconds:.0f} tokens/s)"
        )

    def entry(self) -> dict[str, str | int | float]:
        """The line of the log: when it ended (Unix seconds), how long it took, and the counts."""
        return {
            "ended": int(time.time()), "purpose": self.label, "model": self.model,
            "seconds": round(time.monotonic() - self._started, 3), "sent": self.requested, "cached": self.cached,
            "failed": self.failed, "tokens_in": self.tokens_in, "tokens_out": self.tokens_out,
        }  # fmt: skip

    def __enter__(self) -> "Progress":
        """The counts themselves."""
        self._display.__enter__()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Print the summary and append to the log."""
        self._display.__exit__()
        if self.replies or self.in_flight:
            self._display.print_line(self.summary())
        if self._log and self.requested:
            # One write, so that lines of several processes don't mix; a log that can't be written stops no stage.
            with contextlib.suppress(OSError), open(self._log, "ab", buffering=0) as stream:
                stream.write(msgspec.json.encode(self.entry()) + b"\n")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"
