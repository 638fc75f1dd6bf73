"""A long command in a process of its own: logged, its progress told, its failure in one line; dies with its parent."""

import ast
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stages.core.errors import UserError
from stages.training.checkpoints import LOG

PERIOD = 10.0
"""Seconds between lines of progress where stderr is not a terminal."""
PR_SET_PDEATHSIG = 1
_BAR = re.compile(r"^\s*\d+%\|.*\| (\d+)/(\d+) \[")
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit|Refused)(?:: .*)?$")
_FULL = ("No space left on device", "os error 28", "Disk quota exceeded")


def launch(command: list[str], work: Path, environment: dict[str, str], label: str, keep: int) -> None:
    """Run `command` in `work` until it ends; what it says goes to axolotl.log there.

    It inherits the file descriptor `keep`, and gets SIGTERM when this process ends, however it ends. Raises UserError
    with its last error and the log's path.
    """
    with open(work / LOG, "ab") as log, _started(command, work, environment, keep) as process:
        told = _follow(process, log, Progress(label))
        code = process.wait()
    if code:
        raise UserError(f"{work / LOG}: {_failure(code, told)}")


@contextmanager
def _started(
    command: list[str], work: Path, environment: dict[str, str], keep: int
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_mortal(),
        pass_fds=(keep,),
    )
    try:
        yield process
    finally:
        _end(process)


def _mortal() -> Callable[[], None]:
    """What a child does first: ask the kernel for SIGTERM when its parent is gone, even by kill -9."""
    # Loaded here and not in the child, where little more than system calls is safe.
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def _follow(process: "subprocess.Popen[bytes]", log: IO[bytes], progress: "Progress") -> list[str]:
    """Log and tell what the process says until it closes its output; returns its last lines."""
    last: list[str] = []
    for line in _lines(process, log):
        progress.hear(line)
        if line.strip() and not _BAR.match(line):
            last = [*last[-199:], line.rstrip()]
    progress.close()
    return last


def _lines(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    rest = b""
    while data := os.read(process.stdout.fileno(), 1 << 16):
        log.write(data)
        log.flush()
        *whole, rest = re.split(rb"[\r\n]", rest + data)
        yield from (line.decode(errors="replace") for line in whole)
    yield rest.decode(errors="replace")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _failure(code: int, lines: list[str]) -> str:
    """The line of a log that tells most about why the process failed."""
    if full := [line for line in lines if any(text in line for text in _FULL)]:
        return f"no space left on the disk; free some and run again to go on ({_printable(full[-1])})"
    if code == -signal.SIGKILL:
        return "Axolotl was killed, most likely for want of memory; try a smaller train.settings.micro_batch"
    errors = [line for line in lines if _ERROR.match(line)]
    return f"Axolotl failed: {_printable((errors or lines or [f'exit status {code}'])[-1])}"


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else " " for c in line)[:300]


class Progress:
    """How training goes, on stderr: step, loss, learning rate, time left."""

    def __init__(self, label: str, period: float = PERIOD) -> None:
        """`label` begins every line, `period` seconds apart; how many steps there are is what Axolotl's bar says."""
        self.label, self.steps, self.step, self.values = label, 0, 0, ""
        self._terminal = sys.stderr.isatty()
        self._period = 0.2 if self._terminal else period
        self._logged = 0
        self._began: tuple[int, float] | None = None
        self._told: tuple[float, str] = (float("-inf"), "")

    def hear(self, line: str) -> None:
        """Take in a line of Axolotl's output."""
        if bar := _BAR.match(line):
            self._advance(int(bar[1]), int(bar[2]))
        elif line.startswith("{'loss'"):
            self.values, self._logged = self._read(line), self.step
            self._tell()

    def _advance(self, step: int, steps: int) -> None:
        self.step, self.steps = step, steps
        # The bar stands at 0 until the first step is done, which after a checkpoint is not step 1.
        self._began = self._began or ((step, time.monotonic()) if step else None)
        # A step's loss comes after its bar: only where losses are rarer is a bar told alone.
        if step > self._logged + 1 and self._began and step > self._began[0]:
            self._tell()

    def _read(self, line: str) -> str:
        try:
            values = ast.literal_eval(line.strip())
            return f", loss {values['loss']}, learning rate {values['learning_rate']}"
        except (ValueError, SyntaxError, KeyError, TypeError):
            return ""

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told[0] >= self._period:
            self._told = now, self._line()
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
        """Tell the last step, unless that is what was told last."""
        if self._began and (self._terminal or self._told[1] != self._line()):
            self._print("\x1b[K\n" if self._terminal else "\n")
