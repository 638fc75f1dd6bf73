"""Records to and from disk, all or nothing; the only module that opens data files."""

import contextlib
import csv
import errno
import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from stages.errors import UserError

T = TypeVar("T")


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proof that an artifact was validated: the file's hash, and the rows that may not walk on."""

    artifact: str
    sha256: str
    suite: str
    rows: int
    quarantined: dict[str, list[str]]
    """Row id -> the expectations that it failed."""
    expectations: int
    """How many expectations were checked."""


def _open(path: Path) -> IO[bytes]:
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]
    except FileNotFoundError:
        hint = "check the path in params.yaml, or run the stage that makes it"
        raise UserError(f"{path}: no such file; {hint}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file") from None
    except PermissionError:
        raise UserError(f"{path}: may not be read; check its permissions") from None


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The non-empty lines of a file, gzipped or not, with 1-based numbers. Raises UserError if unreadable."""
    with _open(path) as stream:
        try:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
        except (gzip.BadGzipFile, EOFError) as error:
            raise UserError(f"{path}: damaged gzip file ({error}); download it again") from None


def read(path: str | Path, type: type[T]) -> Iterator[T]:
    """The rows of a JSONL file as `type`, lazily. Raises UserError naming file and line of the first misfit."""
    path = Path(path)
    decoder = msgspec.json.Decoder(type)
    for number, line in lines(path):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}:{number}: {error}; mend or remove this line") from None


def read_validated(path: str | Path, receipt: str | Path, type: type[T]) -> Iterator[T]:
    """The rows of an artifact that its receipt lets walk on.

    Raises UserError if the receipt was written for other bytes than these.
    """
    found = read_json(receipt, Receipt)
    if found.sha256 != sha256(path):
        raise UserError(f"{receipt}: was written for other contents of {path}; run `dvc repro` to validate it again")
    return (row for row in read(path, type) if getattr(row, "id", None) not in found.quarantined)


def read_json(path: str | Path, type: type[T]) -> T:
    """One JSON document as `type`. Raises UserError naming the file if it does not fit."""
    path = Path(path)
    with _open(path) as stream:
        try:
            return msgspec.json.decode(stream.read(), type=type)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}; mend the file") from None


def read_text(path: str | Path) -> str:
    """A UTF-8 text file. Raises UserError if it is missing or not UTF-8."""
    path = Path(path)
    with _open(path) as stream:
        try:
            return stream.read().decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 (byte {error.start}); convert it with `iconv -t UTF-8`") from None


def write(path: str | Path, rows: Iterable[msgspec.Struct]) -> int:
    """Write rows as JSONL, all or nothing; returns how many."""
    return write_split({"rows": path}, (("rows", row) for row in rows))["rows"]


def write_split(paths: dict[str, str | Path], rows: Iterable[tuple[str, msgspec.Struct]]) -> dict[str, int]:
    """Write each (name, row) to the file of that name, lazily; every file appears or none does. Returns the counts.

    Raises UserError when the disk is full.
    """
    counts = dict.fromkeys(paths, 0)
    encoder = msgspec.json.Encoder()
    with contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(_replacing(Path(path))) for name, path in paths.items()}
        for name, row in rows:
            streams[name].write(encoder.encode(row) + b"\n")
            counts[name] += 1
        _flush(streams, paths)
    return counts


def write_json(path: str | Path, value: Any) -> None:
    """Write one JSON document, indented, keys sorted, all or nothing."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file, all or nothing."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file, all or nothing. Raises UserError when the disk is full."""
    with _replacing(Path(path)) as stream:
        stream.write(data)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(streams: dict[str, IO[bytes]], paths: dict[str, str | Path]) -> None:
    # Before any file is renamed, so that a disk that fills up on the last one leaves none behind.
    for name, stream in streams.items():
        with _disk(Path(paths[name])):
            stream.flush()
            os.fsync(stream.fileno())


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose contents become `path` when the block ends well, and vanish when it does not."""
    with _disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "wb", buffering=1 << 20) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            # mkstemp makes private files; what a stage writes is as readable as any other file.
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{path}: no space left on the disk; nothing was written. Free some, run again") from None
        if error.errno == errno.EROFS or isinstance(error, PermissionError):
            raise UserError(f"{path}: may not be written; check the permissions of its folder") from None
        raise


def raw_rows(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file as downloaded, with their 0-based numbers.

    Kinds: .json (an array), .jsonl, .csv, .tsv, each also gzipped, and .parquet.

    Raises UserError naming the file, and the line where there is one, for anything that can't be read as such.
    """
    path = Path(path)
    kind = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if kind not in RAW:
        raise UserError(f"{path}: unknown kind of file; known are {', '.join(sorted('.' + k for k in RAW))}")
    for number, row in enumerate(RAW[kind](path)):
        if not isinstance(row, dict):
            raise UserError(f"{path}: row {number} is not an object but {row!r:.60}; mend or remove it")
        yield number, row


def _json_array(path: Path) -> Iterator[Any]:
    rows = read_json(path, Any)
    if not isinstance(rows, list):
        raise UserError(f"{path}: holds no array of rows; a .json corpus is one array, one object a line is .jsonl")
    return iter(rows)


def _json_lines(path: Path) -> Iterator[Any]:
    return read(path, Any)


def _separated(delimiter: str) -> Callable[[Path], Iterator[Any]]:
    def rows(path: Path) -> Iterator[Any]:
        text = read_text(path)
        reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise UserError(f"{path}:{reader.line_num}: another number of columns than the first line has")
                yield row
        except csv.Error as error:
            raise UserError(f"{path}:{reader.line_num}: {error}; mend this line") from None

    return rows


def _parquet(path: Path) -> Iterator[Any]:
    import polars

    _open(path).close()
    try:
        frame = polars.scan_parquet(path).collect()
    except polars.exceptions.PolarsError as error:
        raise UserError(f"{path}: not a Parquet file ({error})") from None
    return frame.iter_rows(named=True)


RAW: dict[str, Callable[[Path], Iterator[Any]]] = {
    "json": _json_array,
    "jsonl": _json_lines,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "parquet": _parquet,
}
