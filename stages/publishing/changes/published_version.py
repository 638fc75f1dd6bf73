"""Opens a published set for comparison: its Parquet files, facts and row hashes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.publishing.facts import Facts
from stages.publishing.published_rows import EARLIER_NAMES
from stages.publishing.row_hashes import ROW_HASHES

PROVENANCE = "provenance.json"
ID, STEPS = "id", "steps"
Row = dict[str, Any]
BATCH = 2048
"""Rows decoded at once, at most."""


class Version(msgspec.Struct, frozen=True):
    """A version of a published set on the disk."""

    name: str
    """What it is called in messages."""
    files: list[Path]
    facts: Facts | None
    hashes: Path | None
    """The file of row hashes; None where there is none."""

    @property
    def number(self) -> str:
        """The version that its facts name, else its name."""
        return self.facts.version if self.facts else self.name


def open_version(target: Path, name: str = "") -> Version:
    """The set of a folder, or of a Parquet file with what lies beside it or in the folder above.

    name: for messages, where the path is not what the user named. Raises UserError where there is none.
    """
    name = name or str(target)
    if whole := _repository_of(target):
        part = "" if whole == target else "a part of "
        raise UserError(
            f"{name}: is {part}a repository of several sets, which are compared one by one; name a set that it is made "
            "of, data/published/NAME"
        )
    if target.is_dir():
        files = sorted(target.glob("data/*.parquet"))
        if not files or not (target / PROVENANCE).is_file():
            missing = PROVENANCE if files else "data/*.parquet"
            raise UserError(f"{name}: is no published set, as it holds no {missing}; name a folder data/published/NAME")
        return _version(name, files, target)
    if not target.is_file():
        raise UserError(f"{name}: no such folder or file; name a folder data/published/NAME or a Parquet file")
    folder = next((one for one in (target.parent, target.parent.parent) if (one / PROVENANCE).is_file()), None)
    return _version(name, [target], folder) if folder else Version(name, [target], None, None)


def _repository_of(target: Path) -> Path | None:
    """The folder of the repository that a path is, or lies in; None for any other path."""
    for folder in (target, *target.absolute().parents[:4]):
        path = folder / PROVENANCE
        if path.is_file():
            return folder if "configs" in artifacts.read_json(path, dict[str, Any]) else None
    return None


def _version(name: str, files: list[Path], folder: Path) -> Version:
    hashes = folder / ROW_HASHES
    facts = artifacts.read_json(folder / PROVENANCE, Facts)
    return Version(name, files, facts, hashes if hashes.is_file() else None)


def _check_names(path: Path) -> None:
    """Raise UserError where two columns have one name."""
    with _opened(path) as file:
        names = file.schema_arrow.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: has two columns `{twice[0]}`; name a set that seqit published")


def count_rows(version: Version) -> int:
    """The number of rows, as the Parquet files say. Raises UserError for a damaged file."""
    total = 0
    for path in version.files:
        with _opened(path) as file:
            total += file.metadata.num_rows
    return total


def row_hashes(version: Version) -> list[tuple[str, str]] | None:
    """(id, hash) of each row in order; None where no file of as many lines as there are rows says them."""
    if version.hashes is None:
        return None
    parts = (line.partition("  ") for line in artifacts.read_text(version.hashes).splitlines())
    pairs = [(id, hashed) for hashed, _, id in parts]
    return pairs if len(pairs) == count_rows(version) else None


class Columns(msgspec.Struct, frozen=True):
    """The columns of a set, by the names that they have today."""

    names: dict[str, str]
    """Present name -> name in the files."""
    has_texts: bool
    """Whether steps hold the hashes of their replies' texts."""


def columns_of(version: Version) -> Columns:
    """The columns of all files. Raises UserError for files that are damaged, have no ids, or steps of another form."""
    schemas = []
    for path in version.files:
        _check_names(path)
        with _opened(path) as file:
            schemas.append(file.schema_arrow)
    if any(one.names != schemas[0].names for one in schemas):
        raise UserError(f"{version.name}: its Parquet files have different columns; name one of them")
    return _columns(version.name, schemas[0])


def _columns(name: str, schema: Any) -> Columns:
    import pyarrow as pa

    if ID not in schema.names or not pa.types.is_string(schema.field(ID).type):
        raise UserError(f"{name}: has no column `{ID}` of text; name a data set that seqit published")
    if STEPS not in schema.names:  # a form with a `prompt` of its own
        return Columns({one: one for one in schema.names}, False)
    kind = schema.field(STEPS).type
    struct = kind.value_type if pa.types.is_list(kind) else None
    fields = {one.name for one in struct} if struct is not None and pa.types.is_struct(struct) else set()
    if not {"stage", "action", "status", "replies"} <= fields:
        raise UserError(f"{name}: `{STEPS}` is no list of steps; name a data set that seqit published")
    return Columns({EARLIER_NAMES.get(one, one): one for one in schema.names}, "replies_sha256" in fields)


def rows(version: Version, columns: dict[str, str], equal: set[str]) -> Iterator[Row]:
    """The rows in order, with some columns by their present names, without those whose ids are in `equal`.

    Row groups with none of the others are not decoded. Raises UserError for a damaged file.
    """
    for path in version.files:
        with _opened(path) as file:
            for group in range(file.num_row_groups):
                if equal and not _is_wanted(file, group, equal):
                    continue
                for batch in file.iter_batches(BATCH, row_groups=[group], columns=list(columns.values())):
                    yield from _decoded(batch, columns, equal)


def _is_wanted(file: Any, group: int, equal: set[str]) -> bool:
    batches = file.iter_batches(1 << 16, row_groups=[group], columns=[ID])
    return any(id not in equal for batch in batches for id in batch.column(0).to_pylist())


def _decoded(batch: Any, columns: dict[str, str], equal: set[str]) -> Iterator[Row]:
    if equal:
        ids = batch.column(ID).to_pylist()
        batch = batch.take([number for number, id in enumerate(ids) if id not in equal])
    values = [batch.column(name).to_pylist() for name in columns.values()]
    names = list(columns)
    yield from (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A Parquet file; what is wrong with it, also while reading, as a UserError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 in a column of text; download it again, or publish it again") from None
    except (pa.ArrowException, OSError, OverflowError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({reason}); download it again") from None
