"""The bytes of benchmark files as values; every mistake names the file, the row and what to do."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from stages.benchmarks.questions import Files
from stages.errors import UserError

T = TypeVar("T")


def contents(files: Files, name: str) -> bytes:
    """The file of that name. Raises UserError if it is missing."""
    if name not in files:
        near = ", ".join(sorted(files)[:12]) or "no file"
        raise UserError(f"{name}: missing among the benchmark's files ({near}); download it, or shorten `languages`")
    return files[name]


def only(files: Files, *endings: str) -> str:
    """The name of the one file that ends in one of `endings`. Raises UserError if there is none or more than one."""
    names = sorted(name for name in files if name.endswith(endings))
    if len(names) != 1:
        found = ", ".join(names) or f"none among {', '.join(sorted(files)[:12]) or 'no file'}"
        wanted = " or ".join(f"*{ending}" for ending in endings)
        raise UserError(f"{wanted}: exactly one such file is needed, not {found}; name it or its folder as the source")
    return names[0]


def document(files: Files, name: str, type: type[T]) -> T:
    """A JSON file as `type`; keys that `type` lacks are ignored. Raises UserError with the place of the mistake."""
    try:
        return msgspec.json.decode(contents(files, name), type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: {error}; mend the file") from None


def rows(files: Files, name: str, type: type[T]) -> list[T]:
    """The objects of a .json file (one array) or of a .jsonl file (one a line). Raises UserError naming the row."""
    if name.endswith(".json"):
        raw = document(files, name, list[msgspec.Raw])
        return [_row(bytes(part), type, f"{name}: row {number}") for number, part in enumerate(raw)]
    return [_row(line, type, f"{name}:{number}") for number, line in _lines(contents(files, name))]


def separated(files: Files, name: str, columns: int) -> list[list[str]]:
    """The rows of a tab-separated file without a header line. Raises UserError naming the row."""
    found = []
    for number, line in _lines(contents(files, name)):
        try:
            cells = line.decode().rstrip("\r\n").split("\t")
        except UnicodeDecodeError as error:
            raise UserError(f"{name}:{number}: not UTF-8 (byte {error.start}); mend this line") from None
        if len(cells) != columns:
            raise UserError(f"{name}:{number}: {len(cells)} columns, not {columns}; mend this line")
        found.append(cells)
    return found


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip())


def _row(line: bytes, type: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(line, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: {error}; mend or remove it") from None
