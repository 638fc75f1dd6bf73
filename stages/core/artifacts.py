"""Reads and writes data files: JSONL, JSON, text, and source files as downloaded. Writes are all or nothing."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec

from stages.core.atomic_write import disk, refused, replacing
from stages.core.compression import FAULTS, damaged, plain, unpacked
from stages.core.encodings import decoded
from stages.core.errors import UserError

T = TypeVar("T")
REFERENCE = "reference.json"
"""File in every fetched folder: the reference that it was fetched from."""
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp")


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of validating an artifact: the file's hash, and the rows that later stages must not read."""

    artifact: str
    sha256: str
    suite: str
    rows: int
    quarantined: dict[str, list[str]]
    """Row id -> the expectations that the row failed."""
    expectations: int
    """How many expectations were checked."""


@contextlib.contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """The file's decompressed bytes. Raises UserError for a file that can't be read, also while reading."""
    try:
        with unpacked(path) as stream:
            yield stream
    except FileNotFoundError:
        hint = "check the path in params.yaml, or run the stage that makes it"
        raise UserError(f"{path}: no such file; {hint}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file") from None
    except PermissionError:
        raise UserError(f"{path}: may not be read; check its permissions") from None
    except FAULTS as error:
        raise UserError(damaged(str(path), error)) from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); check the path in params.yaml") from None


def artifacts(root: str, name: str) -> list[str]:
    """The artifact of that name below `root`, or all artifacts of a folder, sorted. Raises UserError for none.

    Files of rejected rows are no artifacts.
    """
    folder = Path(root, name)
    stems = sorted(path.stem for path in folder.glob("*.jsonl") if not path.stem.endswith(".rejected"))
    names = [f"{name}/{stem}" for stem in stems] if folder.is_dir() else [name]
    if not names:
        raise UserError(f"{folder}: holds no .jsonl file; run the stage that makes them")
    return names


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The non-empty lines of a file, gzipped or not, with 1-based numbers. Raises UserError if unreadable."""
    with _open(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, line


def read(path: str | Path, type: type[T]) -> Iterator[T]:
    """The rows of a JSONL file as `type`, lazily. Raises UserError naming file and line of the first misfit."""
    path = Path(path)
    decoder = msgspec.json.Decoder(type)
    for number, line in lines(path):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}:{number}: {error}; mend or remove this line") from None


class Validated(Generic[T]):
    """The rows of an artifact that passed validation, lazily and once; has a length hint for `operator.length_hint`.

    `set_aside` counts the other rows by the first expectation that each failed.
    """

    def __init__(self, rows: Iterator[T], count: int, set_aside: Mapping[str, Sequence[str]] = {}) -> None:
        """count: number of `rows`. set_aside: id of each row that failed validation -> the expectations that it
        failed."""
        self._rows, self._left = rows, count
        self.set_aside = Counter(reasons[0] for reasons in set_aside.values())

    def __iter__(self) -> "Validated[T]":
        """Itself."""
        return self

    def __next__(self) -> T:
        """The next row."""
        row = next(self._rows)
        self._left -= 1
        return row

    def __length_hint__(self) -> int:
        """The number of remaining rows."""
        return max(self._left, 0)


def read_validated(path: str | Path, receipt: str | Path, type: type[T]) -> Validated[T]:
    """The rows of an artifact that passed validation, by its receipt.

    Raises UserError if the receipt is for other contents of the file.
    """
    validated = read_json(receipt, Receipt)
    if validated.sha256 != sha256(path):
        raise UserError(f"{receipt}: was written for other contents of {path}; run `dvc repro` to validate it again")
    rows = (row for row in read(path, type) if getattr(row, "id", None) not in validated.quarantined)
    return Validated(rows, validated.rows - len(validated.quarantined), validated.quarantined)


def artifact(name: str, type: type[T]) -> Validated[T]:
    """The rows of data/NAME.jsonl that passed validation; see `read_validated`."""
    return read_validated(f"data/{name}.jsonl", f"data/validated/{name}.json", type)


def read_json(path: str | Path, type: type[T]) -> T:
    """One JSON document as `type`. Raises UserError naming the file if it does not fit."""
    path = Path(path)
    with _open(path) as stream:
        try:
            return msgspec.json.decode(stream.read(), type=type)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}; mend the file") from None


def read_rows(path: str | Path, type: type[T]) -> list[T]:
    """The rows of a JSON array or of a JSONL file, by the name. Raises UserError naming the first row that misfits."""
    if Path(path).suffix == ".jsonl":
        return list(read(path, type))
    decoded_rows = []
    for number, row in enumerate(read_json(path, list[msgspec.Raw])):
        try:
            decoded_rows.append(msgspec.json.decode(row, type=type))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: row {number}: {error}; mend or remove it") from None
    return decoded_rows


def read_text(path: str | Path) -> str:
    """A UTF-8 text file. Raises UserError if it is missing or not UTF-8."""
    path = Path(path)
    with _open(path) as stream:
        return decoded(stream.read(), str(path))


def write(path: str | Path, rows: Iterable[msgspec.Struct]) -> int:
    """Write rows as JSONL, all or nothing; returns how many."""
    return write_split({"rows": path}, (("rows", row) for row in rows))["rows"]


def write_split(paths: Mapping[str, str | Path], rows: Iterable[tuple[str, msgspec.Struct]]) -> dict[str, int]:
    """Write each (name, row) to the file of that name, lazily; every file appears or none does. Returns the counts.

    Raises UserError when the disk is full.
    """
    counts = dict.fromkeys(paths, 0)
    encoder = msgspec.json.Encoder()
    with contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(replacing(Path(path))) for name, path in paths.items()}
        for name, row in rows:
            try:
                streams[name].write(encoder.encode(row) + b"\n")
            except OSError as error:  # an OSError of `rows` is about another file
                raise refused(Path(paths[name]), error) from None
            counts[name] += 1
        _flush(streams, paths)
    return counts


def document(value: Any) -> bytes:
    """A JSON document as it is written: indented, keys sorted."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n"


def write_json(path: str | Path, value: Any) -> None:
    """Write one JSON document, all or nothing."""
    write_bytes(path, document(value))


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file, all or nothing."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file, all or nothing. Raises UserError when the disk is full."""
    with replacing(Path(path)) as stream, disk(Path(path)):
        stream.write(data)


def write_files(folder: str | Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths below a folder; all appear or none does. Raises UserError when the disk is full."""
    paths = {name: Path(folder, name) for name in files}
    with contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(replacing(path)) for name, path in paths.items()}
        for name, data in files.items():
            with disk(paths[name]):
                streams[name].write(data)
        _flush(streams, paths)


def outputs(name: str) -> dict[str, str]:
    """The files of an ingested artifact for `write_split`: kept and rejected rows."""
    return {"kept": f"data/ingested/{name}.jsonl", "rejected": f"data/ingested/{name}.rejected.jsonl"}


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises UserError where there is none."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the stage that makes it") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file; move it, and run the stage that makes the file") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error}); check its permissions") from None


def _flush(streams: dict[str, IO[bytes]], paths: Mapping[str, str | Path]) -> None:
    # Before any file is renamed, so that a disk that is full at the last file leaves none behind.
    for name, stream in streams.items():
        with disk(Path(paths[name])):
            stream.flush()
            os.fsync(stream.fileno())


def names(path: str | Path) -> list[str]:
    """The files of a source: the name of a file, or the POSIX paths of all files below a folder, sorted.

    Raises UserError where there is none.
    """
    path = Path(path)
    if not path.is_dir():
        return [path.name]
    try:
        below = sorted(file for file in path.rglob("*") if file.is_file() and file.name != REFERENCE)
    except OSError as error:
        raise UserError(f"{error.filename}: can't be read ({error.strerror}); is {path} the right folder?") from None
    if not below:
        raise UserError(f"{path}: is an empty folder; check the path in params.yaml, or run the stage that fills it")
    return [file.relative_to(path).as_posix() for file in below]


def files(path: str | Path, chosen: Iterable[str] | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """(name without ".gz", decompressed stream) of each file of a source, or of those `chosen` among its `names`.

    Raises UserError for a file that can't be opened.
    """
    for name in names(path) if chosen is None else chosen:
        with _open(_below(path, name)) as stream:
            yield plain(name), stream


def contents(path: str | Path, chosen: Iterable[str] | None = None) -> dict[str, bytes]:
    """The contents of a source's files by name, without images; see `files`. Raises UserError for a damaged file."""
    contents_by_name = {}
    for name in names(path) if chosen is None else chosen:
        if not plain(name).lower().endswith(IMAGE_ENDINGS):
            with _open(_below(path, name)) as stream:
                contents_by_name[plain(name)] = stream.read()
    return contents_by_name


def _below(path: str | Path, name: str) -> Path:
    return Path(path, name) if Path(path).is_dir() else Path(path)


def origin(path: str | Path) -> str:
    """The reference that a source was fetched from, by the nearest `reference.json` above it; else `path:…`."""
    path = Path(path)
    for folder in (path, *path.parents):
        if (folder / REFERENCE).is_file():
            return str(read_json(folder / REFERENCE, dict[str, Any])["reference"])
    return f"path:{path.as_posix()}"
