"""What long work tells a person on stderr: done, remembered, in flight, rate, failures, time left."""

import contextlib
import shutil
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import msgspec

from stages.messages import Reply

PERIOD = 30.0
"""Seconds between lines where stderr is not a terminal, as in a log."""
TICK = 0.2
"""Seconds between redrawings on a terminal."""


class Progress:
    """Counts of one connection; numbers of a run (asked, remembered) differ between runs and never go into metrics."""

    def __init__(self, purpose: str, model: str, log: Path | None = None) -> None:
        """`purpose` is what the lines begin with, the model's identity where it is empty.

        `log`: a file that gets a line of JSON at the end, where anything was asked.
        """
        self.label, self.model, self._log = purpose or model, model, log
        self.asked = self.remembered = self.failed = self.tokens_in = self.tokens_out = self.in_flight = 0
        self.total: int | None = 0
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()
        self._started = self._told = time.monotonic()

    @property
    def done(self) -> int:
        """Replies had so far, asked and remembered."""
        return self.asked + self.remembered

    def expect(self, count: int | None) -> None:
        """`count` more prompts will come; None where nobody knows, and then no time left is told."""
        self.total = None if count is None or self.total is None else self.total + count

    def recall(self, count: int) -> None:
        """`count` replies came out of the store."""
        self.remembered += count
        self.tick()

    def send(self) -> None:
        """A prompt went to the engine."""
        with self._lock:
            self.in_flight += 1

    def receive(self, replies: list[Reply]) -> None:
        """Replies came back from the engine."""
        with self._lock:
            self.in_flight -= len(replies)
            self.asked += len(replies)
            self.failed += sum(reply.status == "failed" for reply in replies)
            self.tokens_in += sum(reply.tokens_in for reply in replies)
            self.tokens_out += sum(reply.tokens_out for reply in replies)

    def tick(self) -> None:
        """Tell how it goes, if it is time to."""
        now = time.monotonic()
        if now - self._told < (TICK if self._terminal else PERIOD):
            return
        self._told = now
        if self._terminal:  # one line, redrawn; a longer one would wrap and stay
            line = f"seqit {self.line()}"[: shutil.get_terminal_size().columns - 1]
            print(f"{line}\x1b[K", end="\r", file=sys.stderr, flush=True)
        else:
            print(f"seqit {self.line()}", file=sys.stderr, flush=True)

    def line(self) -> str:
        """One line for a person."""
        spent = max(time.monotonic() - self._started, 1e-9)
        of = f"/{self.total}" if self.total else ""
        rate = f"{self.asked / spent:.1f}/s, {self.tokens_out / spent:.0f} tokens/s"
        failed = f", {self.failed} failed" if self.failed else ""
        left = self._left(spent)
        return (
            f"{self.label}: {self.done}{of} done, {self.remembered} remembered, {self.in_flight} in flight, "
            f"{rate}{failed}{left}"
        )

    def _left(self, spent: float) -> str:
        if not self.total or not self.done or self.done >= self.total:
            return ""
        seconds = int(spent / self.done * (self.total - self.done))
        return f", {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"

    def summary(self) -> str:
        """One line at the end."""
        spent = max(time.monotonic() - self._started, 1e-9)
        return (
            f"{self.label}: {self.done} replies in {spent:.1f} s ({self.remembered} remembered, {self.asked} asked, "
            f"{self.failed} failed; {self.tokens_in} tokens in, {self.tokens_out} out, {self.tokens_out / spent:.0f}/s)"
        )

    def entry(self) -> dict[str, str | int | float]:
        """What the log gets: when it ended (Unix seconds), how long it took, what came of it."""
        return {
            "ended": int(time.time()), "purpose": self.label, "model": self.model,
            "seconds": round(time.monotonic() - self._started, 3), "asked": self.asked, "remembered": self.remembered,
            "failed": self.failed, "tokens_in": self.tokens_in, "tokens_out": self.tokens_out,
        }  # fmt: skip

    def __enter__(self) -> "Progress":
        """The counts themselves."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Tell the summary."""
        if self.done or self.in_flight:
            print(f"seqit {self.summary()}" + ("\x1b[K" if self._terminal else ""), file=sys.stderr, flush=True)
        if self._log and self.asked:
            # One write, so that lines of several processes don't mix; a log that can't be written stops no stage.
            with contextlib.suppress(OSError), open(self._log, "ab", buffering=0) as stream:
                stream.write(msgspec.json.encode(self.entry()) + b"\n")
