"""Rows of downloaded files; a malformed file gives one line with its position."""

import gzip
import io
from collections.abc import Iterator
from datetime import datetime
from typing import IO

import pytest

from stages.core.errors import UserError
from stages.readers.formats import rows


def opened(name: str, content: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if name.endswith(".gz") else io.BytesIO(content)
    yield name.removesuffix(".gz"), stream  # type: ignore[misc]


def parquet() -> bytes:
    import polars

    stream = io.BytesIO()
    polars.DataFrame({"a": ["x"], "said": [[{"role": "user"}]]}).write_parquet(stream)
    return stream.getvalue()


GOOD: list[tuple[str, bytes, list[dict[str, object]]]] = [
    ("r.json", b'[{"a": "x"}, {"a": null}]', [{"a": "x"}, {"a": None}]),
    ("r.json", b'{"data": []}', [{"data": []}]),
    ("r.json", b'\xef\xbb\xbf[{"a": "x"}]', [{"a": "x"}]),
    ("r.jsonl", b'{"a": 1}\r\n\n{"a": 2}', [{"a": 1}, {"a": 2}]),
    ("r.jsonl.gz", gzip.compress(b'{"a": "x"}\n', mtime=0), [{"a": "x"}]),
    ("r.csv", b'a,b\n"1\n2",3\n', [{"a": "1\n2", "b": "3"}]),
    ("r.csv", "\ufeffa,b\none\u2028two,\x0b\n".encode(), [{"a": "one\u2028two", "b": "\x0b"}]),
    ("r.tsv", b'a "quoted\tb\n"\t\n', [{"0": 'a "quoted', "1": "b"}, {"0": '"', "1": ""}]),
    ("r.parquet", parquet(), [{"a": "x", "said": [{"role": "user"}]}]),
]


@pytest.mark.parametrize(("name", "content", "expected"), GOOD)
def test_rows(name: str, content: bytes, expected: list[dict[str, object]]) -> None:
    assert [raw.row for raw in rows(f"data/{name}", opened(name, content))] == expected


def table(name: str, values: "list[object]", kind: str) -> bytes:
    import pyarrow
    import pyarrow.parquet

    kinds = {"ns": pyarrow.timestamp("ns"), "us": pyarrow.timestamp("us"), "bytes": pyarrow.binary()}
    column = pyarrow.array(values, type=kinds[kind])
    if kind == "bytes":
        column = pyarrow.Array.from_buffers(pyarrow.string(), len(values), column.buffers())
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({name: column}), stream)
    return stream.getvalue()


def flipped(content: bytes) -> bytes:
    return content[:4] + b"\xff" * 60 + content[64:]


def test_times_in_nanoseconds_are_read_as_every_other_time() -> None:
    (raw,) = rows("r.parquet", opened("r.parquet", table("at", [1_600_000_000_123_456_789], "ns")))
    assert type(raw.row["at"]) is datetime and raw.row["at"].microsecond == 123456


BAD = [
    ("r.jsonl", b'{"a": 1}\n{"a": \n', "data/r.jsonl:2"),
    ("r.jsonl", b'{"a": "\xff"}\n', "data/r.jsonl:1: not UTF-8 (byte 7)"),
    ("r.jsonl", b'{"a": 1}\n\n3\n', "data/r.jsonl:3, row 1: not an object but 3"),
    ("r.json", b"[1, 2]", "data/r.json, row 0: not an object but 1"),
    ("r.json", b'"text"', "neither an array of rows nor an object"),
    ("r.json", b"not json", "data/r.json: JSON is malformed"),
    ("r.json", b"", "data/r.json: "),
    ("r.json", '[{"a": "é"}]'.encode("latin-1"), "data/r.json: not UTF-8"),
    ("r.json", '[{"a": "é"}]'.encode("utf-16")[:-1], "data/r.json: not utf-16-le, as its first bytes say"),
    ("r.json", b"[" * 100_000, "data/r.json: "),
    ("r.json", b'[{"a": "\\ud800"}]', "data/r.json: "),
    ("r.jsonl.gz", b"not gzip", "data/r.jsonl.gz: damaged gzip"),
    ("r.jsonl.gz", gzip.compress(b'{"a": "x"}\n' * 999, mtime=0)[:-20], "data/r.jsonl.gz: damaged gzip"),
    ("r.csv", b"a,b\n1\n", "data/r.csv:2: another number of columns"),
    ("r.csv", b'a,b\n"1\n', "data/r.csv:2"),
    ("r.tsv", b"a\tb\nc\n", "data/r.tsv:2: 1 columns, but the first line has 2"),
    ("r.xml", b"<a/>", "no data in a known kind of file"),
    ("r.parquet", b"nothing", "data/r.parquet: not a Parquet file"),
    ("r.parquet", table("a", [b"\xff\xfe"], "bytes"), "data/r.parquet: not UTF-8 in a column of text"),
    ("r.parquet", table("a", [-(2**60)], "us"), "data/r.parquet: not a Parquet file, or a damaged one"),
    ("r.parquet", flipped(parquet()), "data/r.parquet: not a Parquet file, or a damaged one"),
    ("r.csv", b"a,a\n1,2\n", "data/r.csv:1: two columns have the same name"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_bad_files_are_told_in_one_line(name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError) as error:
        list(rows(f"data/{name}", opened(name, content)))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_folder_names_its_files_and_passes_over_others() -> None:
    files = [("LICENSE", io.BytesIO(b"text")), ("b/x.jsonl", io.BytesIO(b"{}\n{}")), ("c.json", io.BytesIO(b"[{}]"))]
    raws = list(rows("data/folder", files))  # type: ignore[arg-type]
    assert [(raw.file, raw.number) for raw in raws] == [("b/x.jsonl", 0), ("b/x.jsonl", 1), ("c.json", 0)]
    assert raws[1].where == "data/folder/b/x.jsonl:2, row 1"


def test_rows_are_read_lazily() -> None:
    stream = io.BytesIO(b'{"a": 1}\nnot json')
    assert next(rows("r.jsonl", [("r.jsonl", stream)])).row == {"a": 1}
