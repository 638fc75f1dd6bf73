"""Puts large files into a folder without their bytes being on the disk twice, where the file system can."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

FICLONE = 0x40049409
"""The request of Linux that lets two files share their blocks until one is written (btrfs, XFS, bcachefs)."""


def place(source: Path, target: Path) -> str:
    """Put `source` at `target`, which does not exist; returns how: "shared blocks", "hard link" or "copy".

    Nothing writes into weights in place: DVC, Axolotl and Transformers replace files. Who edits a hard link edits both.
    """
    with suppress(OSError), open(source, "rb") as stream, open(target, "xb") as made:
        fcntl.ioctl(made, FICLONE, stream.fileno())
        return "shared blocks"
    target.unlink(missing_ok=True)
    with suppress(OSError):
        os.link(source, target)
        return "hard link"
    shutil.copyfile(source, target)
    return "copy"
