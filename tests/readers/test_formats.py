"""Files as people write them: the same rows whatever the separators, byte-order marks, line ends and endings."""

import csv
import gzip
import io
import json
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core import artifacts, encodings
from stages.core.errors import UserError
from stages.readers.formats import numbered, rows

ROWS = [{"q": "Où, when; who|what\t?", "a": "so"}, {"q": "日本", "a": ""}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
INDENTED = "\n".join(json.dumps(row, indent=2) for row in ROWS)


def read(name: str, content: bytes, names: Iterable[str] = ()) -> list[dict[str, Any]]:
    return [row for _, row in numbered(name, io.BytesIO(content), list(names))]


def table(separator: str, encoding: str = "utf-8", end: str = "\r\n", before: str = "") -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["q", "a"], delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(ROWS)
    return (before + stream.getvalue()).encode(encoding)


ALIKE = {
    "an array": ("r.json", json.dumps(ROWS).encode()),
    "lines called .json": ("r.json", LINES.encode()),
    "objects one after another": ("r.json", INDENTED.encode()),
    "lines": ("r.jsonl", LINES.encode()),
    "ndjson": ("r.ndjson", LINES.replace("\n", "\r\n").encode()),
    "an array called .jsonl": ("r.jsonl", json.dumps(ROWS, indent=1).encode()),
    "an array on one line called .jsonl": ("r.jsonl", json.dumps(ROWS).encode()),
    "indented objects called .jsonl": ("r.jsonl", INDENTED.encode()),
    "lines after blank ones": ("r.jsonl", b"\n \n" + LINES.encode()),
    "UTF-8 with a mark": ("r.jsonl", LINES.encode("utf-8-sig")),
    "UTF-16": ("r.jsonl", LINES.encode("utf-16")),
    "UTF-16, big end first": ("r.json", ("\ufeff" + json.dumps(ROWS, ensure_ascii=False)).encode("utf-16-be")),
    "UTF-16 without a mark": ("r.jsonl", LINES.encode("utf-16-le")),
    "an array in UTF-16 without a mark": ("r.json", json.dumps(ROWS, ensure_ascii=False).encode("utf-16-be")),
    "a table in UTF-16 without a mark": ("r.csv", table(";", "utf-16-le")),
    "UTF-32": ("r.json", LINES.encode("utf-32")),
    "commas": ("r.csv", table(",")),
    "semicolons": ("r.csv", table(";")),
    "tabs called .csv": ("r.csv", table("\t")),
    "pipes": ("r.csv", table("|", end="\n")),
    "semicolons with a mark": ("r.csv", table(";", "utf-8-sig")),
    "Excel's Unicode text": ("r.csv", table("\t", "utf-16")),
    "Excel's separator line": ("r.csv", table(";", before="sep=;\r\n")),
    "old line ends": ("r.csv", table(",", end="\r")),
}


@pytest.mark.parametrize("form", ALIKE)
def test_the_same_rows_in_every_form(form: str) -> None:
    assert read(*ALIKE[form]) == ROWS


def test_a_tsv_file_has_a_header_where_its_fields_are_looked_for() -> None:
    content = b'q\ta\nWhy?\t"So\tit is"\n'
    assert read("r.tsv", content, ["q"]) == [{"q": "Why?", "a": "So\tit is"}]
    assert read("r.tsv", b"q\ta\nWhy?\tSo\n", ["0"]) == [{"0": "q", "1": "a"}, {"0": "Why?", "1": "So"}]


def test_nan_is_a_missing_value_and_infinity_is_refused() -> None:
    assert read("r.jsonl", b'{"a": NaN, "b": "NaN"}\n') == [{"a": None, "b": "NaN"}]
    for rest in (b"Infinity", b'NaN, "b": Infinity', b'NaN, "b": "\\ud800"', b'NaN, "b": '):
        bad = b'{"a": ' + rest + b"}\n"
        with pytest.raises(UserError, match=r"^r\.jsonl:1: "):
            read("r.jsonl", bad)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6)


@given(TABLES, st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_quoted_cells_survive_any_separator(cells: list[tuple[str, str]], separator: str, encoding: str) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("one", "two"), *cells])
    expected = [{"one": one, "two": two} for one, two in cells]
    assert read("r.csv", stream.getvalue().encode(encoding)) == expected


@given(
    st.lists(
        st.dictionaries(CELLS, st.one_of(CELLS, st.none(), st.integers(-9, 9), st.lists(CELLS))), min_size=1, max_size=4
    )
)
def test_json_is_read_alike_by_line_and_as_a_document(items: list[dict[str, Any]]) -> None:
    lines = "\n".join(json.dumps(item) for item in items).encode()
    document, indented = json.dumps(items).encode(), json.dumps(items, indent=1).encode()
    for name in ("r.json", "r.jsonl"):
        assert read(name, lines) == read(name, document) == read(name, indented) == items


def test_lines_of_any_name_are_read_lazily() -> None:
    for name in ("r.json", "r.jsonl"):
        raws = rows(name, [(name, io.BytesIO(b'{"a": 1}\n{"a": 2}\nnot json'))])
        assert [next(raws).row, next(raws).row] == [{"a": 1}, {"a": 2}]
        with pytest.raises(UserError, match=f"{name}:3: "):
            next(raws)


def arrow(stream: bool) -> bytes:
    sink, made = io.BytesIO(), pyarrow.Table.from_pylist(ROWS)
    writer = pyarrow.ipc.new_stream(sink, made.schema) if stream else pyarrow.ipc.new_file(sink, made.schema)
    with writer:
        writer.write_table(made)
    return sink.getvalue()


@pytest.mark.parametrize("stream", [True, False], ids=["save_to_disk", "feather"])
def test_arrow(stream: bool) -> None:
    assert read("r.arrow", arrow(stream)) == ROWS
    with pytest.raises(UserError, match=r"^r\.arrow: not an Arrow file"):
        read("r.arrow", arrow(stream)[:60])


def test_what_datasets_saves_is_read(tmp_path: Path) -> None:
    import datasets

    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved", num_shards=2)
    names = [name for name in artifacts.names(tmp_path / "saved") if name.endswith("arrow")]
    assert [raw.row for raw in rows("x", artifacts.files(tmp_path / "saved", names))] == ROWS


def test_nested_times_are_those_of_python() -> None:
    at, took = datetime(2024, 5, 1, 12, 0, 0, 123456), timedelta(seconds=3)
    kind = pyarrow.struct([("at", pyarrow.timestamp("ns")), ("all", pyarrow.list_(pyarrow.duration("ns")))])
    column = pyarrow.array(
        [{"at": at, "all": [took]}, None, {"at": None, "all": None}], type=pyarrow.list_(kind).value_type
    )
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"x": column}), sink)
    rows_read = read("r.parquet", sink.getvalue())
    assert rows_read == [{"x": {"at": at, "all": [took]}}, {"x": None}, {"x": {"at": None, "all": None}}]
    assert type(rows_read[0]["x"]["at"]) is datetime


@pytest.mark.parametrize("ending", ["gz", "zst", "bz2", "xz", "GZ"])
def test_compressed_files(tmp_path: Path, ending: str) -> None:
    import bz2
    import lzma

    with pyarrow.output_stream(str(tmp_path / "z"), compression="zstd") as packed:
        packed.write(LINES.encode() * 400)
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    content = (
        compress[ending.lower()](LINES.encode() * 400) if ending.lower() in compress else (tmp_path / "z").read_bytes()
    )
    path = tmp_path / f"r.jsonl.{ending}"
    path.write_bytes(content)
    assert len([*rows(str(path), artifacts.files(path))]) == 800
    for damaged in (content[:-9], b"nothing of the kind"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=rf"r\.jsonl\.{ending}: .*download it again") as error:
            list(rows(str(path), artifacts.files(path)))
        assert "\n" not in str(error.value)


TEXTS = {
    "cp1252": "Où est le café ? Près de l’église – “quoted”", "cp1250": "Zażółć gęślą jaźń, proszę bardzo",
    "cp1251": "Наведите реку во Франции и озеро в Италии", "cp932": "日本の首都はどこですか？東京です。",
    "euc_jp": "日本の首都はどこですか？東京です。", "big5": "法國有哪些河流？請舉一個例子。",
    "cp949": "안녕하세요 반갑습니다", "cp1253": "Ποιος είναι ο μεγαλύτερος ποταμός;",
}  # fmt: skip


@pytest.mark.skipif(not shutil.which("iconv"), reason="no iconv")
@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("name", ["it's r.csv", "r.jsonl", "r.json"])
def test_the_command_that_is_told_converts_this_very_file(tmp_path: Path, encoding: str, name: str) -> None:
    path, row = tmp_path / name, {"question": TEXTS[encoding], "n": "1"}
    written = json.dumps(row, ensure_ascii=False) if "json" in name else f'question,n\n"{row["question"]}",1\n'
    path.write_bytes(written.encode(encoding))
    with pytest.raises(UserError) as error:
        list(rows(str(path), artifacts.files(path)))
    message = str(error.value)
    subprocess.run(["bash", "-c", message.split("`")[1]], check=True)
    (converted,) = tmp_path.glob("*.utf8.*")
    assert [raw.row for raw in rows(str(converted), artifacts.files(converted))] == [row], message


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("id,question\n1,Où est le café?\n", "latin-1", "CP1252"),
        ("q\n" + "Können Sie größere Bäume zeigen?,x\n" * 30, "latin-1", "CP1252"),
        ("q\nFünf Äpfel für Jürgen und Mädchen aus Köln\n", "latin-1", "CP1252"),
        ("id,question\n1,日本\n", "gb18030", ""),
    ],
)
def test_few_letters_of_western_europe_are_not_taken_for_chinese(text: str, encoding: str, expected: str) -> None:
    assert encodings.guess(text.encode(encoding)) == expected


def test_damaged_utf8_is_not_taken_for_another_encoding() -> None:
    assert encodings.guess("é ü ñ 日本".encode() + b"\xff") == ""
    with pytest.raises(UserError, match=r"^r\.jsonl:2: not UTF-8 \(byte 7\); mend that byte"):
        read("r.jsonl", '{"a": "éü日本"}\n'.encode() + b'{"a": "\xff"}\n')


@pytest.mark.parametrize("name", ["r.json", "r.jsonl", "r.csv", "r.tsv", "r.jsonl.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    path, count = tmp_path / name, 4_000
    line = f"{'x' * 4000}\ty\n" if "tsv" in name else json.dumps({"q": "x" * 4000}) + "\n"
    content = ("q,a\n" + f"{'x' * 4000},y\n" * count if "csv" in name else line * count).encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    del content
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows(str(path), artifacts.files(path))) == count
        assert tracemalloc.get_traced_memory()[1] < 6_000_000  # of 16 MB
    finally:
        tracemalloc.stop()
