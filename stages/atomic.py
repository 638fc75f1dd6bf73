"""Files that appear whole or not at all, and a disk that refuses them told in one line."""

import contextlib
import errno
import fcntl
import glob
import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stages.errors import UserError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose contents become `path` when the block ends well, and vanish when it does not; zipped for ".gz".

    Raises UserError where the disk refuses.
    """
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    stream = open(handle, "wb", buffering=1 << 20)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
        # No name and no time in the archive: equal rows make equal bytes.
        zipped = gzip.GzipFile("", "wb", 6, stream, mtime=0) if path.suffix == ".gz" else stream
        yield zipped  # type: ignore[misc]
        with disk(path):
            _end(zipped, stream)
            # mkstemp makes private files; what a stage writes is as readable as any other file.
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):  # a full disk says so once more when a file with unwritten bytes is closed
            stream.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    stream.close()


def _end(zipped: Any, stream: IO[bytes]) -> None:
    if zipped is not stream:
        zipped.close()
    stream.flush()
    os.fsync(stream.fileno())


def _sweep(path: Path) -> None:
    """Remove what writers of `path` that were killed have left; one that lives holds a lock on its file."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError), open(left, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def disk(path: Path) -> Iterator[None]:
    """Raises UserError where the disk refuses what is done to `path`."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from None


def refused(path: Path, error: OSError) -> UserError:
    """Why `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{path}: no space left on the disk; nothing was written. Free some, run again")
    if error.errno == errno.EROFS or isinstance(error, PermissionError):
        return UserError(f"{path}: may not be written; check the permissions of its folder")
    if isinstance(error, IsADirectoryError | FileExistsError | NotADirectoryError):
        return UserError(f"{path}: a folder lies where the file goes, or a file above; move it")
    return UserError(f"{path}: can't be written ({error.strerror}); check the name and the disk")
