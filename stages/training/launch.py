"""Runs Axolotl as a child process: logs its output, prints progress, reports a failure in one line.

The child ends when its parent does.
"""

import ast
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from stages.core.errors import UserError
from stages.training.checkpoints import LOG

PERIOD = 10.0
"""Seconds between lines of progress where stderr is not a terminal."""
PR_SET_PDEATHSIG = 1
_BAR = re.compile(r"^\s*\d+%\|.*\| (\d+)/(\d+) \[")
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit|Refused)(?:: .*)?$")
_CAUSE = "Root Cause (first observed failure):"
_KILLED = "Signal 9 (SIGKILL) received by PID"
"""What torchrun writes about a process that was killed: https://docs.pytorch.org/docs/stable/elastic/errors.html."""
_RANK = re.compile(r"^\[rank\d+\]: ?")
"""What torch puts before each line of a failed process, where there are several."""
_FULL = ("No space left on device", "os error 28", "Disk quota exceeded")


class Watcher(Protocol):
    """Something that looks at a run while it goes on."""

    values: dict[str, Any]
    """The last value of each kind; those of `Progress.SHOWN` are printed."""

    def update(self) -> None:
        """Called whenever the run has printed something."""


def launch(
    command: list[str], work: Path, environment: dict[str, str], label: str, keep: int, watcher: Watcher | None = None,
    secrets: Sequence[str] = (), log_name: str = LOG, program: str = "Axolotl",
) -> None:  # fmt: skip
    """Run `command` in `work` until it ends; its output goes to the log there, without `secrets`.

    program: its name in messages.

    The child inherits the file descriptor `keep`, and gets SIGTERM when this process ends, even by SIGKILL. Raises
    UserError with the child's last error and the log's path if it fails.
    """
    with open(work / log_name, "ab") as log, _child(command, work, environment, keep) as process:
        last_lines = _follow(_lines(process, log, secrets), Progress(label, watcher=watcher))
        code = process.wait()
    if code:
        raise UserError(f"{work / log_name}: {_failure(code, last_lines, program)}")


@contextmanager
def _child(
    command: list[str], work: Path, environment: dict[str, str], keep: int
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_ends_with_parent(),
        pass_fds=(keep,),
    )
    try:
        yield process
    finally:
        _end(process)


def _ends_with_parent() -> Callable[[], None]:
    """A function for the child to call first: it asks the kernel for SIGTERM when the parent is gone, even by
    SIGKILL."""
    # Loaded here and not in the child, where little more than system calls is safe.
    libc, parent = ctypes.CDLL(None), os.getpid()

    def request_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return request_signal


def _follow(lines: Iterable[str], progress: "Progress") -> list[str]:
    """Print the progress that the lines tell until they end; returns the last 200 lines."""
    last: list[str] = []
    for line in lines:
        progress.read(line)
        if line.strip() and not _BAR.match(line):
            last = [*last[-199:], line.rstrip()]
    progress.close()
    return last


def _lines(process: "subprocess.Popen[bytes]", log: IO[bytes], secrets: Sequence[str]) -> Iterator[str]:
    """The lines of the process's output, logged as they come."""
    assert process.stdout is not None
    rest = b""
    while data := os.read(process.stdout.fileno(), 1 << 16):
        # A secret may be cut in two by the end of what was read, never by the end of a line.
        *whole, rest = re.split(rb"(?<=[\r\n])", rest + data)
        yield from _logged(whole, log, secrets)
    yield from _logged([rest], log, secrets)


def _logged(lines: list[bytes], log: IO[bytes], secrets: Sequence[str]) -> Iterator[str]:
    texts = [_without(line, secrets) for line in lines]
    log.write(b"".join(texts))
    log.flush()
    yield from (text.rstrip(b"\r\n").decode(errors="replace") for text in texts)


def _without(line: bytes, secrets: Sequence[str]) -> bytes:
    for secret in secrets:
        line = line.replace(secret.encode("utf-8", "surrogateescape"), b"***")
    return line


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _failure(code: int, lines: list[str], program: str) -> str:
    """Why the process failed, in one line: the last line of its output that is an error."""
    if full := [line for line in lines if any(text in line for text in _FULL)]:
        return f"no space left on the disk; free some and run again to go on ({_printable(full[-1])})"
    if _KILLED in "".join(lines[lines.index(_CAUSE) :] if _CAUSE in lines else []):
        return "one of its processes was killed, most likely for want of memory; run again to go on from its checkpoint"
    if code == -signal.SIGKILL:
        return f"{program} was killed, most likely for want of memory; try a smaller train.settings.micro_batch"
    errors = [text for line in lines if _ERROR.match(text := _RANK.sub("", line))]
    return f"{program} failed: {_printable((errors or lines or [f'exit status {code}'])[-1])}"


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else " " for c in line)[:300]


class Progress:
    """Prints the progress of training to stderr: step, loss, learning rate, time left."""

    SHOWN = (("grad_norm", "gradient norm {:.3g}"), ("validation_loss", "validation loss {:.4g}"),
             ("tokens_per_second", "{:,.0f} tokens/s"))  # fmt: skip
    """What is printed of a watcher's values, and how."""

    def __init__(self, label: str, period: float = PERIOD, watcher: Watcher | None = None) -> None:
        """`label` begins every line; `period`: seconds between two lines. The number of steps comes from Axolotl's
        bar."""
        self.label, self.steps, self.step, self.values, self._watcher = label, 0, 0, "", watcher
        self._terminal = sys.stderr.isatty()
        self._period = 0.2 if self._terminal else period
        self._logged = 0
        self._began: tuple[int, float] | None = None
        self._printed: tuple[float, str] = (float("-inf"), "")
        """When the last line was printed, and the line."""

    def read(self, line: str) -> None:
        """Update from a line of Axolotl's output, and print if a step is complete."""
        if self._watcher:
            self._watcher.update()
        if bar := _BAR.match(line):
            self._advance(int(bar[1]), int(bar[2]))
        elif line.startswith("{'loss'"):
            self.values, self._logged = self._values_of(line), self.step
            self._print_if_due()

    def _advance(self, step: int, steps: int) -> None:
        self.step, self.steps = step, steps
        # The bar stands at 0 until the first step is done, which after a checkpoint is not step 1.
        self._began = self._began or ((step, time.monotonic()) if step else None)
        # A step's loss comes after its bar; a bar is printed alone only where losses are logged less often.
        if step > self._logged + 1 and self._began and step > self._began[0]:
            self._print_if_due()

    def _values_of(self, line: str) -> str:
        try:
            values = ast.literal_eval(line.strip())
            return f", loss {values['loss']}, learning rate {values['learning_rate']}{self._watched()}"
        except (ValueError, SyntaxError, KeyError, TypeError):
            return ""

    def _watched(self) -> str:
        values = self._watcher.values if self._watcher else {}
        return "".join(f", {form.format(values[name])}" for name, form in self.SHOWN if name in values)

    def _print_if_due(self) -> None:
        now = time.monotonic()
        if now - self._printed[0] >= self._period:
            self._printed = now, self._line()
            self._print("\x1b[K\r" if self._terminal else "\n")

    def _line(self) -> str:
        return f"seqit {self.label}: step {self.step}/{self.steps}{self.values}{self._left()}"

    def _print(self, end: str) -> None:
        print(self._line(), end=end, file=sys.stderr, flush=True)

    def _left(self) -> str:
        first, began = self._began or (self.step, time.monotonic())
        if self.step <= first or self.step >= self.steps:
            return ""
        seconds = int((time.monotonic() - began) / (self.step - first) * (self.steps - self.step))
        return f", {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"

    def close(self) -> None:
        """Print the last step, unless it was printed already."""
        if self._began and (self._terminal or self._printed[1] != self._line()):
            self._print("\x1b[K\n" if self._terminal else "\n")
