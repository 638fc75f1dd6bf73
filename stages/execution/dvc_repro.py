"""Runs `dvc repro`, passes on what it says in brief, and tells how long stages took and what became of each corpus."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stages.core.errors import UserError
from stages.core.redaction import without_secrets
from stages.core.run_messages import VARIABLE, recorded_errors
from stages.execution.run_failure import failure_lines
from stages.execution.run_outcome import run_outcome
from stages.execution.stage_times import record_times, times_path
from stages.execution.termination import Termination
from stages.params import Params

RUNNING = re.compile(r"Running stage '([^']+)'")
CACHED = re.compile(r"Stage '([^']+)' is cached")
UNCHANGED = re.compile(r"Stage '([^']+)' didn't change, skipping$")
NEXT = re.compile(r"(?:Running stage '|Stage '|Updating lock file '|Verifying data sources)")
"""Begins the lines with which DVC goes on after a stage."""
CHATTER = re.compile(r"(?:> python -m stages\.|Updating lock file '|To track the changes with git, run:|\tgit add "
                     r"|To enable auto staging, run:|\tdvc config core\.autostage )")  # fmt: skip
"""Begins lines of DVC that are left out, unless options ask for them."""
VERBATIM = frozenset({"--dry", "-v", "--verbose"})


class StageClock:
    """Which stages ran, and how many seconds each took."""

    def __init__(self) -> None:
        """No stage has run."""
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.unchanged: list[str] = []
        self._running = ""
        self._begun = self._started = time.monotonic()

    def see(self, line: str) -> None:
        """Read one line of DVC's output."""
        if NEXT.match(line):
            self.stop()
        if running := RUNNING.match(line):
            self._running, self._begun = running[1], time.monotonic()
        elif cached := CACHED.match(line):
            self.cached.append(cached[1])
        elif unchanged := UNCHANGED.match(line):
            self.unchanged.append(unchanged[1])

    def stop(self) -> None:
        """The running stage has ended."""
        if self._running:
            self.seconds[self._running] = time.monotonic() - self._begun
        self._running = ""

    def table(self) -> Iterable[str]:
        """Lines with the seconds of each kind of stage."""
        count = len(self.seconds)
        unchanged = f", {len(self.unchanged)} unchanged" if self.unchanged else ""
        yield f"\n== {count} stage{'s' * (count != 1)} ran, {time.monotonic() - self._started:.0f} s in all{unchanged}"
        kinds: dict[str, list[float]] = {}
        for name, seconds in self.seconds.items():
            kinds.setdefault(name.partition("@")[0], []).append(seconds)
        for kind, each in kinds.items():
            yield f"   {kind:<20} {len(each):>3} x   {sum(each):>7.1f} s"


class RunResult(NamedTuple):
    """How a run ended."""

    status: int
    """DVC's exit status."""
    warnings: str
    """About what it made; "" for none."""
    failure: list[str]
    """Lines that say what failed and what to do; none for a run that did not fail."""


def repro(arguments: list[str], params: Params) -> RunResult:
    """Run `dvc repro` with `arguments`, and print what became of each corpus. Raises UserError where DVC is missing."""
    clock = StageClock()
    with TemporaryDirectory(prefix="seqit-run-") as folder:
        status = run_dvc(arguments, clock, folder)
        errors = recorded_errors(Path(folder))
    failed = [*errors] if status else []
    clock.stop()
    if "--dry" in arguments:  # then DVC only says what it would run
        return RunResult(status, "", [])
    # Without a stage that DVC calls failed, it was interrupted: then the last one has no end.
    unfinished = (failed or [*clock.seconds][-1:]) if status else []
    done = {stage: seconds for stage, seconds in clock.seconds.items() if stage not in unfinished}
    record_times(times_path(), done)
    ended = [*done, *clock.cached, *clock.unchanged]
    lines, warnings = run_outcome(params, ended, failed=failed)
    print("\n".join([*clock.table(), *lines]), flush=True)
    failure = failure_lines(params, arguments, ended, failed, errors) if status else []
    return RunResult(status, "; ".join(warnings), failure)


def run_dvc(arguments: Sequence[str], clock: StageClock, folder: str) -> int:
    """Run `dvc repro`, pass on what it prints and let the clock see it. folder: for messages that its stages share.

    Returns DVC's exit status. Other runs may execute other stages at the same time: DVC releases its lock while a
    stage's command runs. It holds the lock while it hashes outputs, which takes minutes for a large model, so a run
    waits for the lock and does not fail. SIGTERM interrupts the running stage, then raises KeyboardInterrupt.
    """
    brief = VERBATIM.isdisjoint(arguments)
    with _dvc(["--wait-for-lock", "repro", *arguments], {VARIABLE: folder}) as process, Termination(process.pid) as end:
        assert process.stdout is not None
        for line in process.stdout:
            clock.see(line)
            if end.is_requested and RUNNING.match(line):  # under --keep-going
                end.interrupt()
            if not brief or not (CHATTER.match(line) or UNCHANGED.match(line) or not line.strip()):
                sys.stdout.write(without_secrets(line))
                sys.stdout.flush()
    return process.returncode


def _dvc(arguments: list[str], variables: dict[str, str]) -> "subprocess.Popen[str]":
    # The DVC of this environment, also where the environment is not activated: stages say `python`.
    folder = Path(sys.executable).parent
    if not (folder / "dvc").exists():
        raise UserError(f"{folder / 'dvc'}: not installed; run `make env`")
    command = [sys.executable, "-m", "stages.execution.dvc_program", *arguments]
    path = {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    environment = os.environ | path | variables
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace", bufsize=1, env=environment)
