"""Rows as the bytes of a Parquet file."""

import typing
from collections.abc import Iterable
from io import BytesIO
from itertools import islice
from typing import Any

import msgspec

ROW_GROUP_SIZE = 1000
"""Rows in a row group. They are converted together, so memory grows with the compressed file and not with its text."""


def encode(rows: Iterable[msgspec.Struct], type: type[msgspec.Struct]) -> bytes:
    """The rows as Parquet (zstd), columns typed after the fields of `type`; an empty file keeps its columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, stream = arrow(type), BytesIO()
    iterator = iter(rows)
    with pq.ParquetWriter(stream, schema, compression="zstd", store_schema=False) as writer:
        while batch := [msgspec.to_builtins(row) for row in islice(iterator, ROW_GROUP_SIZE)]:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return stream.getvalue()


def arrow(type: type[msgspec.Struct]) -> Any:
    """The Arrow schema of a struct of strings, whole numbers, truth values, structs and lists of these."""
    import pyarrow as pa

    return pa.schema(_fields(type))


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
