"""Parquet and Arrow in batches, so that memory does not grow with the file."""

from collections.abc import Iterable, Iterator
from typing import IO, Any

from stages.core.errors import UserError
from stages.readers.json_rows import Numbered

BATCH = 4096
"""Most rows decoded at once: OpenOrca's larger file would take 10 GB whole."""
LARGEST = 1 << 26
"""About the most bytes decoded at once, where rows are large, as those with pictures in them are."""


def parquet(path: str, stream: IO[bytes]) -> Numbered:
    """The rows of a .parquet file. Raises UserError naming a file that is none, or is damaged."""

    def batches() -> Iterator[Any]:
        import pyarrow.parquet

        file = pyarrow.parquet.ParquetFile(stream)
        size = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
        yield from file.iter_batches(max(1, min(BATCH, LARGEST * file.metadata.num_rows // max(1, size))))

    return _rows(path, batches(), "Parquet")


def arrow(path: str, stream: IO[bytes]) -> Numbered:
    """The rows of an .arrow file, as `datasets.save_to_disk` writes it (a stream) or Feather does (a file)."""

    def batches() -> Iterator[Any]:
        import pyarrow.ipc

        magic = stream.read(6)
        stream.seek(0)
        if magic != b"ARROW1":
            yield from pyarrow.ipc.open_stream(stream)
            return
        reader = pyarrow.ipc.open_file(stream)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))

    return _rows(path, batches(), "Arrow")


def _rows(path: str, batches: Iterable[Any], kind: str) -> Numbered:
    import pyarrow

    try:
        for batch in batches:
            for start in range(0, batch.num_rows, BATCH):
                yield from ((0, row) for row in in_microseconds(batch.slice(start, BATCH)).to_pylist())
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 in a column of text; write the file again from decoded text") from None
    except (pyarrow.ArrowException, OSError, OverflowError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        article = "an" if kind[0] in "AEIO" else "a"
        raise UserError(f"{path}: not {article} {kind} file, or a damaged one ({reason}); get the file again") from None


def in_microseconds(batch: Any) -> Any:
    """The same with times as Python knows them, at any depth; nanoseconds would become a class of pandas' that is no
    JSON."""
    import pyarrow

    fields = [field.with_type(_coarser(field.type)) for field in batch.schema]
    if all(new.type == old.type for new, old in zip(fields, batch.schema, strict=True)):
        return batch
    columns = [
        column if column.type == field.type else _cast(column, field.type)
        for column, field in zip(batch.columns, fields, strict=True)
    ]
    return pyarrow.RecordBatch.from_arrays(columns, schema=pyarrow.schema(fields))


def _cast(column: Any, kind: Any) -> Any:
    from pyarrow import compute

    return compute.cast(column, kind, safe=False)


def _coarser(kind: Any) -> Any:
    """A type with microseconds in the place of nanoseconds."""
    import pyarrow
    from pyarrow import types

    if types.is_timestamp(kind) and kind.unit == "ns":
        return pyarrow.timestamp("us", kind.tz)
    if types.is_duration(kind) and kind.unit == "ns":
        return pyarrow.duration("us")
    if types.is_time64(kind) and kind.unit == "ns":
        return pyarrow.time64("us")
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(_coarser(field.type)) for field in kind])
    if types.is_map(kind):
        return pyarrow.map_(_coarser(kind.key_type), _coarser(kind.item_type))
    if types.is_large_list(kind):
        return pyarrow.large_list(kind.value_field.with_type(_coarser(kind.value_type)))
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(kind.value_field.with_type(_coarser(kind.value_type)), kind.list_size)
    if types.is_list(kind):
        return pyarrow.list_(kind.value_field.with_type(_coarser(kind.value_type)))
    return kind
