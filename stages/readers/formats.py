"""Read rows from downloaded files: JSON, JSON lines, CSV, TSV, Parquet and Arrow, each with its position."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import IO, Any, NamedTuple

from stages.core.compression import FAULTS, damaged, plain
from stages.core.errors import UserError
from stages.readers import columnar, delimited, json_rows
from stages.readers.json_rows import Numbered


class Raw(NamedTuple):
    """One row as downloaded, with its position."""

    row: dict[str, Any]
    number: int
    """0-based position in its file."""
    file: str
    """Path of the file below the source folder; "" where the source is one file."""
    where: str
    """For people: "path:line, row n", without the line for files that have none."""


KINDS: dict[str, Callable[[str, IO[bytes]], Numbered]] = {
    "json": json_rows.document,
    "jsonl": json_rows.lines,
    "ndjson": json_rows.lines,
    "csv": delimited.comma_separated,
    "tsv": delimited.tab_separated,
    "parquet": columnar.parquet,
    "arrow": columnar.arrow,
}


def rows(source: str, files: Iterable[tuple[str, IO[bytes]]], names: Collection[str] = ()) -> Iterator[Raw]:
    """The rows of a source, lazily: `files` are its (name, contents), one for a file, many for a folder.

    .json (an array of rows, one object, or an object a line), .jsonl and .ndjson, .csv (with a header), .tsv (columns
    are named "0", "1", … unless the first line holds one of `names`), .parquet, .arrow. Other files of a folder are
    passed over. Raises UserError naming the file, and the line where there is one, for anything that can't be read so.
    """
    known, empty = False, True
    for name, stream in files:
        alone = plain(source).endswith(name)
        if kind(name) in KINDS:
            known = True
            for raw in _raws(source if alone else f"{source}/{name}", "" if alone else name, stream, names):
                empty = False
                yield raw
    if not known:
        raise UserError(f"{source}: no data in a known kind of file; known are {', '.join(f'.{k}' for k in KINDS)}")
    if empty:
        raise UserError(f"{source}: holds no rows; download it again, or name another source")


def kind(name: str) -> str:
    """The kind of a file by its name: "jsonl"."""
    return name.rpartition(".")[2].lower()


def numbered(path: str, stream: IO[bytes], names: Collection[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """(1-based line, or 0 where there is none; row) of one file. Raises UserError as `rows` does."""
    ending = kind(plain(path))
    read = partial(delimited.tab_separated, names=names) if ending == "tsv" else KINDS[ending]
    try:
        for number, (line, row) in enumerate(read(path, stream)):
            if not isinstance(row, dict):
                raise UserError(f"{_where(path, line, number)}: not an object but {row!r:.40}; correct or remove it")
            yield line, row
    except FAULTS as error:
        raise UserError(damaged(path, error)) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not {error.encoding}, as its first bytes say ({error.reason}); save it again"
        ) from None
    except OSError as error:
        raise UserError(f"{path}: can't be read to its end ({error.strerror or error}); download it again") from None


def _raws(path: str, file: str, stream: IO[bytes], names: Collection[str]) -> Iterator[Raw]:
    for number, (line, row) in enumerate(numbered(path, stream, names)):
        yield Raw(row, number, file, _where(path, line, number))


def _where(path: str, line: int, number: int) -> str:
    return f"{path}:{line}, row {number}" if line else f"{path}, row {number}"
