"""What a stage costs as the process that DVC starts: seconds by the clock, seconds of CPU, peak memory."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NamedTuple


class Cost(NamedTuple):
    """What a process took."""

    wall: float
    cpu: float
    """Seconds, of user and system."""
    peak: float
    """MiB."""


def run_stage(words: str, folder: Path, output: IO[bytes] | None = None) -> Cost:
    """The cost of a command, "ingest corpus alpaca", run in a project's folder with a reply store of its own.

    output: where its lines go; None for this process's own. Raises SystemExit where it fails.
    """
    command, *rest = words.split()
    # With its bytecode written, as after a user's first call.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{command}", *rest], cwd=folder, stdout=output, stderr=output,
        env=kept | {"SEQIT_REPLIES": str(folder / "replies.sqlite")},
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{words} failed")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
