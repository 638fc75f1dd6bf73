"""Runs DVC, passes on what it says, and tells at the end how long each stage took."""

import re
import subprocess
import sys
import time
from pathlib import Path

from stages.core.cli import remark
from stages.core.errors import UserError
from stages.core.redaction import without_secrets
from stages.params import Params
from stages.planning import preflight

RUNNING = re.compile(r"Running stage '([^']+)'")


def repro(arguments: list[str], params: Params, check: bool = True) -> int:
    """`dvc repro` with `arguments`; returns its exit status.

    check: whether servers are checked first that are not recorded as working. Raises UserError where DVC is missing,
    and where a stage would send requests to a server that does not work.
    """
    if check and "--dry" not in arguments and "--cwd" not in arguments and "-c" not in arguments:
        targets, force = [word for word in arguments if word[:1] != "-"], bool({"-f", "--force"} & {*arguments})
        preflight.check_before(Path.cwd(), params, targets, force, preflight.recall(), remark)
    started = time.monotonic()
    marks: list[tuple[str, float]] = []
    with _dvc(["repro", *arguments]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(without_secrets(line))
            sys.stdout.flush()
            if running := RUNNING.search(line):
                marks.append((running[1], time.monotonic()))
    if "--dry" not in arguments:  # then DVC only says what it would run
        _table(marks, started, time.monotonic())
    return process.returncode


def _dvc(arguments: list[str]) -> "subprocess.Popen[str]":
    # The DVC of this environment, also where the environment is not activated.
    dvc = Path(sys.executable).with_name("dvc")
    if not dvc.exists():
        raise UserError(f"{dvc}: not installed; run `make env`")
    return subprocess.Popen([str(dvc), *arguments], stdout=subprocess.PIPE, text=True, errors="replace", bufsize=1)


def _table(marks: list[tuple[str, float]], started: float, ended: float) -> None:
    ends = [*(mark for _, mark in marks), ended][1:]
    print(f"\n== {len(marks)} stage{'s' * (len(marks) != 1)} ran, {ended - started:.0f} s in all")
    kinds: dict[str, list[float]] = {}
    for (name, begin), end in zip(marks, ends, strict=True):
        kinds.setdefault(name.partition("@")[0], []).append(end - begin)
    for kind, seconds in kinds.items():
        print(f"   {kind:<20} {len(seconds):>3} x   {sum(seconds):>7.1f} s")
