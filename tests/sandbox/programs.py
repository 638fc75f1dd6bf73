"""Programs for tests, and what becomes of them for another user: `python -m tests.sandbox.programs < PROGRAMS`."""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from stages.evaluation.benchmarks.program_outcomes import Outcome, Program, Reading
from stages.evaluation.sandbox import Limits, connect

ROOT = Path(__file__).resolve().parents[2]
ORDINARY = 65533
"""A user that owns nothing."""
PATIENT = Limits(seconds=60, memory=256, processes=8, output=64)
"""For programs that end by themselves: no machine is too slow for them."""


def plain(code: str) -> Program:
    """A program that passes if it runs to its end and can be called then."""
    code = f"{code}\n\ndef ended():\n    return 'here'\n"
    return Program("ended", (Reading((code,)),), "assert ended() == 'here'")


def with_test(code: str, test: str, preface: str = "") -> Program:
    """A program that passes if its `f` passes the test."""
    return Program("f", (Reading((code,)),), test, preface)


def outcomes(programs: Sequence[Program], limits: Limits = PATIENT) -> list[Outcome]:
    """What becomes of each for the user who runs this."""
    with connect(limits) as execute:
        return list(execute(programs))


def ordinary(programs: Sequence[Program], limits: Limits = PATIENT) -> list[Outcome]:
    """What becomes of each for a user who is not root. Raises LookupError, with the reason, if there is no way to be
    one."""
    if os.geteuid():
        return outcomes(programs, limits)
    given = msgspec.json.encode((programs, limits))
    return msgspec.json.decode(_as_ordinary(_interpreter(), given), type=list[Outcome])


@cache
def _interpreter() -> str:
    """A Python that the ordinary user can read, and whose sandbox opens."""
    trial = msgspec.json.encode(([plain("")], PATIENT))
    reason = "no Python"
    for path in (sys.executable, "/usr/bin/python{}.{}".format(*sys.version_info), "/usr/bin/python3"):
        try:
            if msgspec.json.decode(_as_ordinary(path, trial), type=list[Outcome]) == [Outcome("passed")]:
                return path
        except (LookupError, msgspec.DecodeError) as error:
            reason = f"{path}: {error}"
    raise LookupError(f"no sandbox for user {ORDINARY} ({reason})")


def _as_ordinary(python: str, given: bytes) -> bytes:
    site = next(path for path in sys.path if path.endswith("site-packages"))
    user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--no-new-privs"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": site, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*user, python, "-m", "tests.sandbox.programs"], input=given, capture_output=True, cwd=ROOT, env=environment
        )
    except OSError as error:
        raise LookupError(error) from None
    if done.returncode:
        raise LookupError(done.stderr.decode(errors="replace").strip()[-200:])
    return done.stdout


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[list[Program], Limits])
    sys.stdout.buffer.write(msgspec.json.encode(outcomes(*given)))
