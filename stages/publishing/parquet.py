"""Writes rows as Parquet files: a part at a time, and so that an inserted row changes few bytes.

A row group ends after a row whose id says so, not after a number of rows: behind an inserted row the next groups hold
the rows that they held before, and equal rows make equal bytes. Storage that splits files by their contents, as the
Hub's does, then stores the other groups once. Arrow's own content-defined chunking
(https://arrow.apache.org/docs/python/parquet.html#content-defined-chunking) is off: where a page ends then depends on
all groups before, so that one row changed small columns of most groups behind it, and its pages of 32 to 128 KB
compress less. tests/bench/changed_bytes.py counts the bytes.
"""

import math
import re
import typing
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from stages.core.atomic_write import disk

FOLDER = "data"
Group = list[dict[str, Any]]
"""The rows of a row group, each a column's name -> value."""
GROUP_ROWS = 512
"""About the mean number of rows in a row group where nobody knows how many there are. The Hub's viewer reads whole
groups."""
FEWEST, MOST = 64, 2048
"""The smallest and the largest such number: for few rows, and for a million."""
LARGEST_GROUP = 4096
"""Rows after which a group ends in any case."""
GROUP_BYTES = 64 << 20
"""Bytes of rows as JSON after which a group ends in any case; memory holds one group."""
SHARD_BYTES = 400 << 20
"""Bytes of a file after which, at the end of a group, another one begins."""
FEW_VALUES = frozenset(
    re.findall(
        r"\w+",
        "role corpus language licence source_reference action status stage reason generator prompt_sha256 sampling "
        "dataset",
    )
)
"""Names of columns, and of fields of nested ones, whose values repeat: they are written as places in a dictionary.
Where all values differ, one more would move all places behind it, so that every page changed."""


LONG_TEXTS = frozenset(re.findall(r"\w+", "content instruction input output response system_prompt reasoning"))
"""Names whose smallest and largest value are not kept: they would be most of an index that every version moves."""


class Written(msgspec.Struct, frozen=True):
    """What was written of a split."""

    files: tuple[str, ...]
    """Paths below the data set's folder, in order."""
    file_bytes: int
    table_bytes: int
    """Size of the rows in memory, as Arrow."""


def write(
    folder: Path,
    split: str,
    rows: Iterable[msgspec.Struct],
    type: type[msgspec.Struct],
    shard_bytes: int = SHARD_BYTES,
    expected: int = 0,
) -> Written:
    """Write the rows of a split below `folder`, lazily; columns are typed after the fields of `type`.

    rows: each has an `id`. A set that fits a file is data/SPLIT.parquet, a larger one several shards. Without rows
    there is a file with columns. expected: about how many rows there are, 0 where that is not known. Raises UserError
    for a full disk.
    """
    import pyarrow as pa

    schema = arrow(type)
    tables = (pa.Table.from_pylist(group, schema=schema) for group in row_groups(rows, group_rows(expected)))
    return write_tables(folder, f"{FOLDER}/{split}", tables, schema, shard_bytes)


def write_tables(
    folder: Path, stem: str, tables: Iterator[Any], schema: Any, shard_bytes: int = SHARD_BYTES
) -> Written:
    """The same of Arrow tables, each of which becomes a row group. stem: the files' path without shard and suffix."""
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    table, table_bytes = next(tables, None), 0
    shards: list[Path] = []
    while table is not None or not shards:
        path = folder / f"{stem}-{len(shards):05}.parquet"
        size, table = _shard(path, table, tables, schema, shard_bytes)
        shards.append(path)
        table_bytes += size
    files = tuple(_final(path, folder, stem, number, len(shards)) for number, path in enumerate(shards))
    return Written(files, sum((folder / name).stat().st_size for name in files), table_bytes)


def group_rows(expected: int) -> int:
    """The mean number of rows in a group of a set with so many rows: a power of two.

    A new version writes one group anew, which is cheap for small groups, and the index of all of them, which is cheap
    for few: the best number grows with the root of the rows. Where it changes, at some doubling of the set, all groups
    change once.
    """
    best = 2.5 * math.sqrt(expected)
    return max(FEWEST, min(MOST, 1 << round(math.log2(best)))) if expected else GROUP_ROWS


def row_groups(rows: Iterable[msgspec.Struct], mean: int = GROUP_ROWS) -> Iterator[Group]:
    """The rows as dictionaries, in the groups in which they are written.

    No group but the last has fewer than half of `mean`, and one id in so many ends a larger one: few groups are much
    larger than the mean, into which most inserted rows would fall.
    """
    fewest = mean // 2
    group: Group = []
    size = 0
    for row in rows:
        group.append(msgspec.to_builtins(row))
        size += len(msgspec.json.encode(row))
        last = len(group) >= fewest and zlib.crc32(group[-1]["id"].encode()) % fewest == 0
        if last or len(group) >= LARGEST_GROUP or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def arrow(type: type[msgspec.Struct]) -> Any:
    """The Arrow schema of a struct of strings, whole numbers, truth values, structs and lists of these."""
    import pyarrow as pa

    return pa.schema(_fields(type))


def features(type: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """The columns of a struct as `dataset_info` of a card names them, in YAML's values."""
    return [{"name": name, **_feature(kind)} for name, kind in typing.get_type_hints(type).items()]


def _shard(path: Path, table: Any, tables: Iterator[Any], schema: Any, limit: int) -> tuple[int, Any]:
    """Write `table` and those after it until the file is large: their size in bytes, and the next table if any."""
    table_bytes = 0
    with disk(path), open(path, "wb") as stream, _writer(stream, schema) as writer:
        while table is not None:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            table_bytes += table.nbytes
            table = next(tables, None)
            if stream.tell() >= limit:
                break
    return table_bytes, table


def _writer(stream: IO[bytes], schema: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(
        stream, schema, compression="zstd", store_schema=False, write_page_index=True,
        write_statistics=[path for path in _leaves(schema) if path.rpartition(".")[2] not in LONG_TEXTS],
        use_dictionary=[path for path in _leaves(schema) if path.rpartition(".")[2] in FEW_VALUES],
    )  # fmt: skip


def _leaves(fields: Any, above: str = "") -> Iterator[str]:
    """Paths of the columns as they lie in a file, nested ones apart."""
    import pyarrow as pa

    for field in fields:
        path, kind = f"{above}{field.name}", field.type
        if pa.types.is_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        yield from _leaves(kind, f"{path}.") if pa.types.is_struct(kind) else [path]


def _final(path: Path, folder: Path, stem: str, number: int, shards: int) -> str:
    """Give a shard its name; returns it as a path below `folder`."""
    name = f"{stem}.parquet" if shards == 1 else f"{stem}-{number:05}-of-{shards:05}.parquet"
    path.rename(folder / name)
    return name


def _fields(type: type[msgspec.Struct]) -> list[Any]:
    import pyarrow as pa

    return [pa.field(name, _type(kind)) for name, kind in typing.get_type_hints(type).items()]


def _type(kind: Any) -> Any:
    import pyarrow as pa

    if typing.get_origin(kind) is list:
        return pa.list_(_type(typing.get_args(kind)[0]))
    if issubclass(kind, msgspec.Struct):
        return pa.struct(_fields(kind))
    return {str: pa.string(), int: pa.int64(), bool: pa.bool_()}[kind]


def _feature(kind: Any) -> dict[str, Any]:
    if typing.get_origin(kind) is list:
        inner = typing.get_args(kind)[0]
        return {"list": features(inner) if issubclass(inner, msgspec.Struct) else _feature(inner)["dtype"]}
    return {"dtype": {str: "string", int: "int64", bool: "bool"}[kind]}
