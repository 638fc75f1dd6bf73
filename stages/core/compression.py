"""Opens compressed files as their contents, by the file name's ending."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, cast

ENDINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
"""Ending -> name of the compression."""
FAULTS = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)
"""Exceptions of reading a damaged file, besides OSError."""


def plain(name: str) -> str:
    """A file's name without the ending of a compression: "rows.jsonl" for "rows.jsonl.zst"."""
    return next((name[: -len(ending)] for ending in ENDINGS if name.lower().endswith(ending)), name)


def unpacked(path: Path) -> IO[bytes]:
    """The contents of a file, as a stream. Reading raises OSError or one of `FAULTS` for a damaged or cut file."""
    ending = path.suffix.lower()
    if ending == ".zst":
        import pyarrow

        # zstandard's own reader accepts a truncated file without an error.
        return cast(IO[bytes], io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd")))
    opener = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(ending, open)
    return cast(IO[bytes], opener(path, "rb"))  # type: ignore[operator]


def damaged(name: str, error: BaseException) -> str:
    """The error message for a file of that name on which one of `FAULTS` was raised."""
    kind = next((kind for ending, kind in ENDINGS.items() if name.lower().endswith(ending)), "compressed")
    return f"{name}: damaged {kind} file ({error}); download it again"
