"""JSON as people write it: one document, one object a line, or objects one after another, whatever the name ends in."""

import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any

import msgspec

from stages.core import encodings
from stages.core.errors import UserError

Numbered = Iterator[tuple[int, Any]]
"""(1-based line, or 0 where a kind of file has none; row)."""
LONGEST_OPENING = 1 << 12
"""Bytes of the longest first line that may open a document of several lines: "[", "{", or "[{" with its first key."""
_BLANK = re.compile(r"\s*")


def document(path: str, stream: IO[bytes]) -> Numbered:
    """The rows of a .json file; a file whose first line is an object of its own is read line by line, lazily.

    Raises UserError naming the file, and the line where there is one, for anything that is no JSON.
    """
    stream = encodings.utf8(stream)
    first = stream.readline()
    if first.strip().startswith(b"{") and _complete(first):
        rest = stream.readline()
        return _lines(path, first, itertools.chain([rest], stream)) if rest else iter([(0, value(first, path))])
    return _document(path, first + stream.read())


def lines(path: str, stream: IO[bytes]) -> Numbered:
    """The rows of a .jsonl or .ndjson file, lazily; a file that holds an array or indented objects is read as such."""
    stream = encodings.utf8(stream)
    first = stream.readline()
    opens = first.strip()[:1] == b"[" or (first.strip()[-1:] in (b"{", b"[", b",") and len(first) < LONGEST_OPENING)
    if first.strip()[:1] in (b"[", b"{") and opens:
        return _document(path, first + stream.read())
    return _lines(path, first, stream)


def value(data: bytes, path: str, where: str = "", sample: bytes = b"") -> Any:
    """The one JSON value in `data`; NaN, which pandas writes for a missing value, is null.

    Raises UserError naming `where` (the path by default).
    """
    written = encodings.decoded(data, path, where, sample)
    try:
        return msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError) as error:
        if "NaN" in written and (decoded := _with_nan(written)) is not None:
            return decoded
        raise UserError(f"{where or path}: {error}; correct it") from None


def _complete(line: bytes) -> bool:
    try:
        return isinstance(value(line, ""), dict)
    except UserError:
        return False


def _lines(path: str, first: bytes, stream: Iterable[bytes]) -> Numbered:
    number, sample = 0, io.BytesIO()
    for number, line in enumerate(itertools.chain([first], stream), 1):
        if line.strip():
            yield number, value(line, path, f"{path}:{number}", sample.getvalue())
        if sample.tell() < encodings.SAMPLE:
            sample.write(line)


def _document(path: str, data: bytes) -> Numbered:
    try:
        rows = value(data, path)
    except UserError as error:
        if (rows := _in_turn(data)) is None:
            raise error from None
    if not isinstance(rows, list | dict):
        raise UserError(f"{path}: holds neither an array of rows nor an object")
    return ((0, row) for row in (rows if isinstance(rows, list) else [rows]))


def _with_nan(written: str) -> Any:
    """JSON with NaN in the place of null, or None if that is not all that is wrong with it."""

    def constant(name: str) -> None:
        if name != "NaN":
            raise ValueError(name)

    try:
        decoded = json.loads(written, parse_constant=constant)
        msgspec.json.encode(decoded)  # Python's decoder lets halves of surrogate pairs pass
        return decoded
    except (ValueError, RecursionError):
        return None


def _in_turn(data: bytes) -> list[Any] | None:
    """Two or more objects one after another, as `jq` writes them indented; None if it is anything else."""
    decoder, objects, position = json.JSONDecoder(), [], 0
    try:
        written = data.decode().strip()
        while position < len(written):
            row, end = decoder.raw_decode(written, position)
            objects.append(row)
            position = end + len(_BLANK.match(written, end)[0])  # type: ignore[index]
        msgspec.json.encode(objects)
    except (ValueError, RecursionError):
        return None
    return objects if len(objects) > 1 and all(isinstance(row, dict) for row in objects) else None
