"""Files are read with their place in every complaint, and written all or nothing."""

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import Record, Rejected, Source


def record(text: str = "Say hi.", number: int = 0) -> Record:
    source = Source(reference="path:x.json", row=number, sha256="0" * 64, licence="Apache-2.0", language="en")
    return Record(id=f"x-{number}", corpus="x", instruction=text, input="", response="", system="", source=source)


@given(st.lists(st.text()))
def test_what_is_written_is_read_again(texts: list[str]) -> None:
    import tempfile

    rows = [record(text, n) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        assert artifacts.write(Path(folder) / "rows.jsonl", rows) == len(rows)
        assert list(artifacts.read(Path(folder) / "rows.jsonl", Record)) == rows


def test_a_failing_stream_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("before")

    def rows() -> Iterator[Record]:
        yield record()
        raise UserError("x.json: row 1 is bad")

    with pytest.raises(UserError):
        artifacts.write(path, rows())
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["rows.jsonl"]


def test_split_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    rejected = Rejected(id="x-1", reason="no-instruction", detail="", row={})
    paths: dict[str, str | Path] = {"kept": tmp_path / "a.jsonl", "rejected": tmp_path / "b.jsonl"}
    assert artifacts.write_split(paths, [("kept", record()), ("rejected", rejected)]) == {"kept": 1, "rejected": 1}
    with pytest.raises(KeyError):
        artifacts.write_split({"kept": tmp_path / "c.jsonl"}, [("kept", record()), ("other", rejected)])
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "b.jsonl"]


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        artifacts.contents(tmp_path / "nothing.json")
    with pytest.raises(UserError, match="is a folder"):
        list(artifacts.read(tmp_path, Record))


def test_the_files_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "b.tsv").write_bytes(b"b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "rows.jsonl.gz").write_bytes(gzip.compress(b"{}"))
    (tmp_path / "reference.json").write_text('{"reference": "hub:org/name@v1"}')
    assert list(artifacts.contents(tmp_path).items()) == [("a/rows.jsonl", b"{}"), ("b.tsv", b"b")]
    assert artifacts.contents(tmp_path / "b.tsv") == {"b.tsv": b"b"}
    assert artifacts.origin(tmp_path / "a" / "rows.jsonl.gz") == "hub:org/name@v1"
    (tmp_path / "c.jsonl.gz").write_bytes(b"not gzip")
    with pytest.raises(UserError, match=r"c\.jsonl\.gz: damaged gzip"):
        artifacts.contents(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty folder"):
        artifacts.contents(tmp_path / "empty")


def test_a_receipt_for_other_bytes_is_refused(tmp_path: Path) -> None:
    artifacts.write(tmp_path / "rows.jsonl", [record(number=0), record(number=1)])
    good = artifacts.Receipt(
        artifact="rows", sha256=artifacts.sha256(tmp_path / "rows.jsonl"), suite="s", rows=2,
        quarantined={"x-0": ["e"]},
        expectations=1,
    )  # fmt: skip
    artifacts.write_json(tmp_path / "receipt.json", good)
    rows = list(artifacts.read_validated(tmp_path / "rows.jsonl", tmp_path / "receipt.json", Record))
    assert [row.id for row in rows] == ["x-1"]
    artifacts.write_json(tmp_path / "receipt.json", msgspec.structs.replace(good, sha256="0"))
    with pytest.raises(UserError, match="other contents"):
        artifacts.read_validated(tmp_path / "rows.jsonl", tmp_path / "receipt.json", Record)


def test_what_a_killed_writer_left_is_swept_up(tmp_path: Path) -> None:
    killing = "(os.kill(os.getpid(), 9) for _ in [0])"
    writer = f"import os, sys; from stages.core import artifacts; artifacts.write(sys.argv[1], {killing})"
    path = tmp_path / "rows.jsonl"
    subprocess.run([sys.executable, "-c", writer, str(path)], cwd=Path(__file__).parents[1])
    assert not path.exists()
    assert len(os.listdir(tmp_path)) == 1
    artifacts.write(path, [record()])
    assert os.listdir(tmp_path) == ["rows.jsonl"]


def test_a_living_writer_keeps_its_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    def rows() -> Iterator[Record]:
        yield record()
        artifacts.write(path, [record("The other writer.")])

    artifacts.write(path, rows())
    assert [row.instruction for row in artifacts.read(path, Record)] == ["Say hi."]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    artifacts.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize(
    "read", [artifacts.read_text, artifacts.contents, lambda path: list(artifacts.lines(Path(path)))]
)
def test_a_fault_on_the_way_is_told(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """/proc/self/mem can be opened, but its first page can't be read: as a disk with a bad sector."""
    (tmp_path / "rows.jsonl").symlink_to("/proc/self/mem")
    with pytest.raises(UserError, match=r"rows\.jsonl: can't be read \(Input/output error\)"):
        read(tmp_path / "rows.jsonl")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"{}" * 999)[:20])
    with pytest.raises(UserError, match="damaged gzip"):
        read(tmp_path / "cut.gz")


def test_a_fault_of_what_is_read_is_not_told_of_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[]")
    for name, message in (("rows.json/below", "Not a directory"), ("x" * 300, "File name too long")):
        with pytest.raises(UserError) as error:
            artifacts.write(tmp_path / "out.jsonl", artifacts.read(tmp_path / name, Record))
        assert str(error.value).startswith(f"{tmp_path / name}: can't be read ({message})")
    assert os.listdir(tmp_path) == ["rows.json"]


@pytest.mark.parametrize("rows", [1, 10_000])
def test_a_disk_that_takes_no_more_is_one_line(tmp_path: Path, rows: int) -> None:
    """As a full one, but any user may try: a file may not grow. Few rows fail at the end, many in between."""
    writer = (
        "import resource, sys; from stages.core import artifacts; from tests.test_jsonl import record\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))\n"
        "try: artifacts.write_split({'a': sys.argv[1], 'b': sys.argv[2]}, (('ab'[n % 2], record(number=n)) "
        "for n in range(int(sys.argv[3]))))\n"
        "except artifacts.UserError as error: print(error)"
    )
    paths = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl.gz")]
    command = [sys.executable, "-c", writer, *paths, str(rows)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.endswith("can't be written (File too large); check the name and the disk\n")
    assert os.listdir(tmp_path) == []


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("before")
    (tmp_path / "b").write_text("a file where a folder goes")
    with pytest.raises(UserError, match="b/y"):
        artifacts.write_files(tmp_path, {"a/x": b"after", "b/y": b"after"})
    assert (tmp_path / "a" / "x").read_text() == "before"
    artifacts.write_files(tmp_path, {"a/x": b"after", "c/d/y": b"new"})
    assert (tmp_path / "a" / "x").read_text() == "after"
    assert (tmp_path / "c" / "d" / "y").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "d", "x", "y"]


def test_a_name_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="File name too long"):
        artifacts.write_text(tmp_path / ("x" * 300), "x")


def test_a_folder_where_a_file_goes_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    (tmp_path / "b").write_text("x")
    for path in (tmp_path / "a.jsonl", tmp_path / "b" / "c.jsonl"):
        with pytest.raises(UserError, match=r"jsonl: a folder lies where the file goes"):
            artifacts.write(path, [record()])
    with pytest.raises(UserError, match="is a folder, not a file"):
        artifacts.sha256(tmp_path / "a.jsonl")
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "b"]
