"""Files as downloaded become rows: JSON, JSON lines, CSV, TSV and Parquet, each with its place for complaints."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import msgspec

from stages.corpora.rows import Raw
from stages.errors import UserError

BOM = b"\xef\xbb\xbf"
Numbered = Iterator[tuple[int, Any]]
"""(1-based line, or 0 where a kind of file has none; row)."""


def rows(source: str, files: Iterable[tuple[str, IO[bytes]]]) -> Iterator[Raw]:
    """The rows of a source, lazily: `files` are its (name, contents), one for a file, many for a folder.

    .json (an array of rows; an object is one row), .jsonl, .csv (with a header), .tsv (as Flan, MGSM and PICa publish
    it: no header and no quoting; columns are named "0", "1", …), .parquet. Other files of a folder are passed over.
    Raises UserError naming the file, and the line where there is one, for anything that can't be read as such.
    """
    found = 0
    for name, stream in files:
        alone = source.removesuffix(".gz").endswith(name)
        if kind(name) in KINDS:
            found += 1
            yield from _raws(source if alone else f"{source}/{name}", "" if alone else name, stream)
    if not found:
        raise UserError(f"{source}: no data in a known kind of file; known are {', '.join(f'.{k}' for k in KINDS)}")


def kind(name: str) -> str:
    """The kind of a file by its name: "jsonl"."""
    return name.rpartition(".")[2].lower()


def _raws(path: str, file: str, stream: IO[bytes]) -> Iterator[Raw]:
    try:
        for number, (line, row) in enumerate(KINDS[kind(path.removesuffix(".gz"))](path, stream)):
            where = f"{path}:{line}, row {number}" if line else f"{path}, row {number}"
            if not isinstance(row, dict):
                raise UserError(f"{where}: not an object but {row!r:.40}; mend or remove it")
            yield Raw(row, number, file, where)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged gzip file ({error}); download it again") from None


def _json(path: str, stream: IO[bytes]) -> Numbered:
    rows = _decoded(stream.read(), path)
    if not isinstance(rows, list | dict):
        raise UserError(f"{path}: holds neither an array of rows nor an object")
    return ((0, row) for row in (rows if isinstance(rows, list) else [rows]))


def _json_lines(path: str, stream: IO[bytes]) -> Numbered:
    return ((number, _decoded(line, f"{path}:{number}")) for number, line in enumerate(stream, 1) if line.strip())


def _comma_separated(path: str, stream: IO[bytes]) -> Numbered:
    # newline="": the csv module wants line ends as they are; fields may hold U+2028, which ends a line for str alone.
    csv.field_size_limit(1 << 30)  # the module's own limit of 128 KiB is less than some documents
    reader = csv.DictReader(io.StringIO(_text(stream.read(), path), newline=""), strict=True)
    try:
        if len(set(names := reader.fieldnames or ())) < len(names):
            raise UserError(f"{path}:1: two columns have the same name; rename one")
        for row in reader:
            if None in row or None in row.values():
                raise UserError(f"{path}:{reader.line_num}: another number of columns than the first line has")
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}:{reader.reader.line_num}: {error}; mend this line") from None


def _tab_separated(path: str, stream: IO[bytes]) -> Numbered:
    columns = 0
    for number, line in enumerate(stream, 1):
        cells = _text(line, f"{path}:{number}").rstrip("\r\n").split("\t")
        columns = columns or len(cells)
        if len(cells) != columns:
            raise UserError(f"{path}:{number}: {len(cells)} columns, but the first line has {columns}; mend this line")
        yield number, {str(index): cell for index, cell in enumerate(cells)}


def _parquet(path: str, stream: IO[bytes]) -> Numbered:
    import pyarrow.parquet

    try:
        # In batches: OpenOrca's larger file would take 10 GB whole.
        for batch in pyarrow.parquet.ParquetFile(stream).iter_batches(4096):
            yield from ((0, row) for row in _in_microseconds(batch).to_pylist())
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 in a column of text; write the file again from decoded text") from None
    except (pyarrow.ArrowException, OSError, OverflowError, ValueError) as error:
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({str(error).partition(chr(10))[0]})") from None


def _in_microseconds(batch: Any) -> Any:
    """The same with times as Python knows them; nanoseconds would become a class of pandas' that is no JSON."""
    import pyarrow

    for index, field in enumerate(batch.schema):
        if str(field.type).startswith(("timestamp[ns", "duration[ns")):
            kind = pyarrow.duration("us") if str(field.type)[0] == "d" else pyarrow.timestamp("us", field.type.tz)
            batch = batch.set_column(index, field.name, batch.column(index).cast(kind, safe=False))
    return batch


def _decoded(data: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(_text(data, where))
    except (msgspec.DecodeError, RecursionError) as error:
        raise UserError(f"{where}: {error}; mend it") from None


def _text(data: bytes, where: str) -> str:
    try:
        return data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8 (byte {error.start}); convert it with `iconv -t UTF-8`") from None


KINDS: dict[str, Callable[[str, IO[bytes]], Numbered]] = {
    "json": _json,
    "jsonl": _json_lines,
    "csv": _comma_separated,
    "tsv": _tab_separated,
    "parquet": _parquet,
}
