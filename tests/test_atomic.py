"""Folders appear whole or not at all, also when their writer is killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.core.atomic_write import OLD, disk, replacing, replacing_folder
from stages.core.errors import UserError

ROOT = Path(__file__).parents[1]


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with replacing_folder(tmp_path / "m") as folder:
            (folder / "below").mkdir()
            (folder / "below" / name).write_text(name)
            (folder / "below" / name).chmod(0o600)
    assert [path.name for path in (tmp_path / "m").rglob("*")] == ["below", "two"]
    (tmp_path / "any").write_text("x")
    assert (tmp_path / "m/below/two").stat().st_mode == (tmp_path / "any").stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["any", "m"]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/old").write_text("x")
    with pytest.raises(KeyError), replacing_folder(tmp_path / "m") as folder:
        (folder / "new").write_text("x")
        raise KeyError
    assert os.listdir(tmp_path) == ["m"]
    assert os.listdir(tmp_path / "m") == ["old"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "m"
    with pytest.raises(UserError, match="m: no space left"), disk(target), replacing_folder(target) as folder:
        (folder / "part").write_text("x")
        # /dev/full answers every write as a full disk does.
        Path("/dev/full").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from stages.core.atomic_write import replacing_folder
moment, target = sys.argv[1], Path(sys.argv[2])
rename = Path.rename
def killing(self, other):
    if moment in ("before", "between") and (moment == "before" or self.parent.name.startswith(".m.")):
        os.kill(os.getpid(), 9)
    return rename(self, other)
Path.rename = killing
with replacing_folder(target) as folder:
    (folder / "one").write_text("new")
    if moment == "within":
        os.kill(os.getpid(), 9)
    (folder / "two").write_text("new")
"""


@pytest.mark.parametrize("moment", ["within", "before", "between"])
def test_what_a_killed_writer_left_is_never_half_a_folder_and_is_swept_up(tmp_path: Path, moment: str) -> None:
    (tmp_path / "m").mkdir()
    for name in ("one", "two"):
        (tmp_path / "m" / name).write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, moment, str(tmp_path / "m")], cwd=ROOT)
    assert done.returncode == -9
    there = {path.name: path.read_text() for path in (tmp_path / "m").glob("*")}
    assert there == ({} if moment == "between" else {"one": "old", "two": "old"})
    with replacing_folder(tmp_path / "m") as folder:
        (folder / "three").write_text("new")
    assert os.listdir(tmp_path) == ["m"]
    assert os.listdir(tmp_path / "m") == ["three"]


def test_a_living_writer_keeps_its_folder(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "m") as slow:
        with replacing_folder(tmp_path / "m") as quick:
            (quick / "quick").write_text("x")
        (slow / "slow").write_text("x")
    assert os.listdir(tmp_path / "m") == ["slow"]


def test_what_a_killed_writer_of_another_file_left_is_swept_up_once_it_is_old(tmp_path: Path) -> None:
    for name, age in (("old", OLD + 1), ("young", 0)):
        left = tmp_path / f".{name}.jsonl.abc.part"
        left.write_text("half")
        os.utime(left, (now := time.time() - age, now))
    with replacing(tmp_path / "rows.jsonl") as stream:
        stream.write(b"x")
    assert sorted(os.listdir(tmp_path)) == [".young.jsonl.abc.part", "rows.jsonl"]


def test_a_living_writer_of_another_file_keeps_its_file_however_old(tmp_path: Path) -> None:
    with replacing(tmp_path / "slow") as slow:
        (part,) = tmp_path.iterdir()
        os.utime(part, (1, 1))
        with replacing(tmp_path / "quick") as quick:
            quick.write(b"x")
        slow.write(b"y")
    assert sorted(os.listdir(tmp_path)) == ["quick", "slow"]


def test_a_pipe_or_a_stream_of_a_process_is_no_file_to_be_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").symlink_to("/proc/self/fd/1")
    for name in ("pipe", "out"):
        with pytest.raises(UserError, match="is no ordinary file but a device or a pipe"), replacing(tmp_path / name):
            pass
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "out").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["out", "pipe"]
