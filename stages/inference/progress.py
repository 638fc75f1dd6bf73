"""How asking goes: rows and requests done, remembered, in flight, rate, tokens a second, failures, time left."""

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType

import msgspec

from stages.core.completions import Reply
from stages.inference.terminal import Display, View


class Progress:
    """Counts of one connection; numbers of a run (asked, remembered) differ between runs and never go into metrics."""

    def __init__(self, purpose: str, model: str, log: Path | None = None) -> None:
        """`purpose` is what the lines begin with, the model's identity where it is empty.

        `log`: a file that gets a line of JSON at the end, where anything was asked.
        """
        self.label, self.model, self._log = purpose or model, model, log
        self.asked = self.remembered = self.failed = self.tokens_in = self.tokens_out = self.in_flight = 0
        self.rows, self.total = 0, 0
        """Rows that are finished, and how many there will be; 0 where nobody has said."""
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._sent: tuple[float, int] | None = None
        """When the first prompt was sent, and how many rows were finished by then."""
        self._display = Display(self.view)

    @property
    def done(self) -> int:
        """Replies had so far, asked and remembered."""
        return self.asked + self.remembered

    def expect(self, rows: int) -> None:
        """So many more rows will come."""
        self.total += rows

    def finish(self) -> None:
        """A row is done."""
        self.rows += 1

    def recall(self, count: int) -> None:
        """`count` replies came out of the store."""
        self.remembered += count
        self.tick()

    def send(self) -> None:
        """A prompt went to the engine."""
        with self._lock:
            self._sent = self._sent or (time.monotonic(), self.rows)
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
        self._display.tick()

    def view(self) -> View:
        """What a person is shown. The rates are those since the first prompt was sent: the store's are another."""
        now = time.monotonic()
        spent = max(now - self._sent[0], 1e-9) if self._sent else 1e-9
        said = [f"{self.rows}/{self.total} rows"] if self.total else []
        said += [f"{self.done} replies", f"{self.remembered} remembered", f"{self.in_flight} in flight"]
        said += [f"{self.asked / spent:.1f}/s", f"{self.tokens_out / spent:.0f} tokens/s"] if self.asked else []
        said += [f"{self.failed} failed"] if self.failed else []
        said += [f"{_clock(left)} left"] if (left := self._left(now)) is not None else []
        return View(self.label, self.rows / self.total if self.total else None, ", ".join(said))

    def _left(self, now: float) -> float | None:
        """Seconds, by the rows finished since the first prompt was sent: those before were remembered."""
        began, before = self._sent or (now, self.rows)
        finished = self.rows - before
        return (now - began) / finished * (self.total - self.rows) if finished and self.rows < self.total else None

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
        self._display.__enter__()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Tell the summary."""
        self._display.__exit__()
        if self.done or self.in_flight:
            self._display.say(self.summary())
        if self._log and self.asked:
            # One write, so that lines of several processes don't mix; a log that can't be written stops no stage.
            with contextlib.suppress(OSError), open(self._log, "ab", buffering=0) as stream:
                stream.write(msgspec.json.encode(self.entry()) + b"\n")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"
