"""Runs `dvc repro`, passes on what it says in brief, and tells how long stages took and what became of each corpus."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from stages.core.errors import UserError
from stages.core.redaction import without_secrets
from stages.execution.run_outcome import run_outcome
from stages.execution.stage_times import record_times, times_path
from stages.params import Params

RUNNING = re.compile(r"Running stage '([^']+)'")
CACHED = re.compile(r"Stage '([^']+)' is cached")
UNCHANGED = re.compile(r"Stage '[^']+' didn't change, skipping$")
NEXT = re.compile(r"(?:Running stage '|Stage '|Updating lock file '|Verifying data sources)")
"""Begins the lines with which DVC goes on after a stage."""
CHATTER = re.compile(r"(?:> python -m stages\.|Updating lock file '|To track the changes with git, run:|\tgit add "
                     r"|To enable auto staging, run:|\tdvc config core\.autostage )")  # fmt: skip
"""Begins lines of DVC that are left out, unless options ask for them."""
VERBATIM = frozenset({"--dry", "-v", "--verbose"})
KEEP_GOING = frozenset({"-k", "--keep-going"})


class StageClock:
    """Which stages ran, and how many seconds each took."""

    def __init__(self) -> None:
        """No stage has run."""
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.unchanged = 0
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
        self.unchanged += bool(UNCHANGED.match(line))

    def stop(self) -> None:
        """The running stage has ended."""
        if self._running:
            self.seconds[self._running] = time.monotonic() - self._begun
        self._running = ""

    def table(self) -> Iterable[str]:
        """Lines with the seconds of each kind of stage."""
        count = len(self.seconds)
        unchanged = f", {self.unchanged} unchanged" if self.unchanged else ""
        yield f"\n== {count} stage{'s' * (count != 1)} ran, {time.monotonic() - self._started:.0f} s in all{unchanged}"
        kinds: dict[str, list[float]] = {}
        for name, seconds in self.seconds.items():
            kinds.setdefault(name.partition("@")[0], []).append(seconds)
        for kind, each in kinds.items():
            yield f"   {kind:<20} {len(each):>3} x   {sum(each):>7.1f} s"


def repro(arguments: list[str], params: Params) -> tuple[int, str]:
    """Run `dvc repro` with `arguments`; returns its exit status and the warnings about what it made, "" for none.

    Raises UserError where DVC is missing.
    """
    clock = StageClock()
    brief = VERBATIM.isdisjoint(arguments)
    with _dvc(["repro", *arguments]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            clock.see(line)
            if not brief or not (CHATTER.match(line) or UNCHANGED.match(line) or not line.strip()):
                sys.stdout.write(without_secrets(line))
                sys.stdout.flush()
    clock.stop()
    if "--dry" in arguments:  # then DVC only says what it would run
        return process.returncode, ""
    record_times(times_path(), _finished(clock.seconds, process.returncode, arguments))
    lines, warnings = run_outcome(params, [*clock.seconds, *clock.cached])
    print("\n".join([*clock.table(), *lines]))
    return process.returncode, "; ".join(warnings)


def _finished(seconds: dict[str, float], status: int, arguments: list[str]) -> dict[str, float]:
    """Without the stage that failed, which is the last one unless DVC kept going."""
    if not status:
        return seconds
    return {} if KEEP_GOING & set(arguments) else dict(list(seconds.items())[:-1])


def _dvc(arguments: list[str]) -> "subprocess.Popen[str]":
    # The DVC of this environment, also where the environment is not activated: stages say `python`.
    folder = Path(sys.executable).parent
    if not (folder / "dvc").exists():
        raise UserError(f"{folder / 'dvc'}: not installed; run `make env`")
    command = [sys.executable, "-m", "stages.execution.dvc_program", *arguments]
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace", bufsize=1, env=environment)
