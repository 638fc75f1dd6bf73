"""Writes files and folders so that they appear whole or not at all; disk errors become a UserError."""

import contextlib
import errno
import fcntl
import gzip
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stages.core.errors import UserError

OLD = 60.0
"""Seconds after which a temporary file without a lock was left by a writer that was killed."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose contents become the file `path` if the block succeeds, else are discarded; gzipped for ".gz".

    Raises UserError if the file can't be written.
    """
    _refuse_devices(path)
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    stream = open(handle, "wb", buffering=1 << 20)
    zipped: Any = stream
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
        # No name and no time in the archive, so that equal rows make equal bytes.
        zipped = gzip.GzipFile("", "wb", 6, stream, mtime=0) if path.suffix == ".gz" else stream
        yield zipped
        with disk(path):
            _end(zipped, stream)
            # mkstemp makes private files; outputs get the usual permissions.
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
    except BaseException:
        # On a full disk, closing a file with unwritten bytes raises again.
        with contextlib.suppress(OSError):
            zipped.close()
        with contextlib.suppress(OSError):
            stream.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    stream.close()


def _refuse_devices(path: Path) -> None:
    """Raise UserError for a device, a pipe or a stream: renaming a file onto it would replace it for all processes."""
    with disk(path):
        stream = path.is_symlink() and os.readlink(path).startswith("/proc/")
        if stream or (path.exists() and not path.is_file() and not path.is_dir()):
            raise UserError(f"{path}: is no ordinary file but a device or a pipe; name a file")


def _end(zipped: Any, stream: IO[bytes]) -> None:
    if zipped is not stream:
        zipped.close()
    stream.flush()
    os.fsync(stream.fileno())


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A new folder that replaces `target` if the block succeeds, and is removed otherwise.

    Its files get the usual permissions. Raises UserError if it can't be written.
    """
    with disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    handle = os.open(holder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        (folder := holder / target.name).mkdir()
        yield folder
        with disk(target):
            _finish(folder)
            if target.exists():
                # Moved, not removed: a kill while removing would leave half of it.
                target.rename(holder / "old")
            folder.rename(target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
        os.close(handle)


def _finish(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() or path.stat().st_nlink == 1:  # a hard link's permissions are those of the other file too
            path.chmod((0o777 if path.is_dir() else 0o666) & ~_umask())  # safetensors and the Hub make private files
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())  # a full disk may raise only here


def _sweep(path: Path) -> None:
    """Remove temporary files in its folder of writers that were killed; those of running ones are locked.

    Those of other paths only when they are old: a writer that just began may not have locked its own yet.
    """
    own = f".{path.name}."
    for left in path.parent.glob(".*.part"):
        with contextlib.suppress(OSError):
            if not left.name.startswith(own) and time.time() - left.stat().st_mtime < OLD:
                continue
            handle = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            finally:
                os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def disk(path: Path) -> Iterator[None]:
    """Raise OSErrors of the block as a UserError about `path`."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from None


def refused(path: Path, error: OSError) -> UserError:
    """The UserError for a `path` that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{path}: no space left on the disk, so it was not written; free some and run again")
    if error.errno == errno.EROFS or isinstance(error, PermissionError):
        return UserError(f"{path}: may not be written; check the permissions of its folder")
    if isinstance(error, IsADirectoryError | FileExistsError | NotADirectoryError):
        return UserError(f"{path}: a folder lies where the file goes, or a file above; move it")
    return UserError(f"{path}: can't be written ({error.strerror or error}); check the name and the disk")
