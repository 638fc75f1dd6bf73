"""The file of people's labels: one JSON row a label, appended whole and written to the disk before the next answer."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.core.atomic_write import disk
from stages.evaluation.calibration.human_labels import HumanLabel


def read_labels(path: str | Path) -> list[HumanLabel]:
    """The labels of a file in order; [] where there is none. Raises UserError naming the line of one that is none."""
    return list(artifacts.read(path, HumanLabel)) if Path(path).exists() else []


def append_label(path: str | Path, label: HumanLabel) -> None:
    """Add a label at the end of a file, which is created if it is not there; all of it or nothing.

    Several processes may append to one file. Raises UserError when it can't be written.
    """
    line = msgspec.json.encode(label) + b"\n"
    with _locked(Path(path)) as handle:
        size = os.fstat(handle).st_size
        written = os.write(handle, line)
        if written < len(line):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)


def mend_end(path: str | Path) -> bool:
    """Remove an incomplete last line, as a machine that lost its power leaves it; returns whether there was one.

    A complete last line without a line end gets one.
    """
    if not Path(path).exists():
        return False
    with _locked(Path(path)) as handle:
        last = os.pread(handle, os.fstat(handle).st_size, 0).rpartition(b"\n")[2]
        if not last:
            return False
        try:
            msgspec.json.decode(last, type=HumanLabel)
        except (msgspec.DecodeError, UnicodeDecodeError):
            os.ftruncate(handle, os.fstat(handle).st_size - len(last))
            return True
        os.write(handle, b"\n")
        return False


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A handle that appends, which no other process has at the same time. An OSError becomes a UserError."""
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)
