"""Files and folders that appear whole or not at all, and a disk that refuses them told in one line."""

import contextlib
import errno
import fcntl
import glob
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stages.core.errors import UserError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose contents become `path` when the block ends well, and vanish when it does not; zipped for ".gz".

    Raises UserError where the disk refuses.
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
        # No name and no time in the archive: equal rows make equal bytes.
        zipped = gzip.GzipFile("", "wb", 6, stream, mtime=0) if path.suffix == ".gz" else stream
        yield zipped
        with disk(path):
            _end(zipped, stream)
            # mkstemp makes private files; what a stage writes is as readable as any other file.
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
    except BaseException:
        # A full disk says so once more when a file with unwritten bytes is closed.
        with contextlib.suppress(OSError):
            zipped.close()
        with contextlib.suppress(OSError):
            stream.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    stream.close()


def _refuse_devices(path: Path) -> None:
    """A device, a pipe, a process's stream: renaming a file onto its name would take it from the whole machine."""
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
    """A new folder that becomes `target`, in place of what was there, when the block ends well, and vanishes otherwise.

    What is in it becomes as readable as any other file. Raises UserError where the disk refuses.
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
            _settle(folder)
            if target.exists():
                # Aside and not away: who is killed in the middle of removing it would leave half of it under its name.
                target.rename(holder / "old")
            folder.rename(target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
        os.close(handle)


def _settle(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~_umask())  # safetensors and the Hub make private files
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())  # a full disk may tell only now


def _sweep(path: Path) -> None:
    """Remove what writers of `path` that were killed have left; one that lives holds a lock on its file or folder."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
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
    """Raises UserError where the disk refuses what is done to `path`."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from None


def refused(path: Path, error: OSError) -> UserError:
    """Why `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{path}: no space left on the disk, so it was not written; free some and run again")
    if error.errno == errno.EROFS or isinstance(error, PermissionError):
        return UserError(f"{path}: may not be written; check the permissions of its folder")
    if isinstance(error, IsADirectoryError | FileExistsError | NotADirectoryError):
        return UserError(f"{path}: a folder lies where the file goes, or a file above; move it")
    return UserError(f"{path}: can't be written ({error.strerror or error}); check the name and the disk")
