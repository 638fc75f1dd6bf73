"""What no set of seqit is like is told in one line by `seqit verify`, never by a traceback."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import verify as command
from stages.core.cli import call
from stages.core.errors import UserError
from stages.publishing import dsse
from stages.verification.origin_checks import read_lock
from tests.verification.small_set import SmallSet, make


@pytest.fixture
def small(tmp_path: Path) -> SmallSet:
    return make(tmp_path)


def replace_column(small: SmallSet, name: str, values: Callable[[int], Any] | None) -> None:
    """Another column under that name; None drops it."""
    table = pq.read_table(small.data)
    place = table.schema.get_field_index(name)
    table = table.remove_column(place)
    if values is not None:
        table = table.append_column(name, pa.array([values(number) for number in range(table.num_rows)]))
    stream = io.BytesIO()
    pq.write_table(table, stream)
    small.data.write_bytes(stream.getvalue())


def one_line(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    assert call(command, words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("output", lambda n: n), ("output", lambda n: None), ("system_prompt", lambda n: [n]),
        ("messages", lambda n: 1.5),
        ("history", lambda n: "x"), ("language", lambda n: ["en"]), ("steps", lambda n: "x"), ("steps", lambda n: n),
        ("source_reference", lambda n: n), ("reply", lambda n: [n]), ("instruction", lambda n: None),
        ("language", None), ("licence", None), ("instruction", None), ("source_sha256", None), ("history", None),
    ],
)  # fmt: skip
def test_columns_of_another_kind(
    name: str, values: Callable[[int], Any] | None, small: SmallSet, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_column(small, name, values)
    for words in ([str(small.folder), "--replies", str(small.store)], [str(small.folder)], [str(small.data)]):
        status = call(command, words)
        said = capsys.readouterr()
        assert status in (1, 2) and len(said.err.splitlines()) == status - 1


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [[]]}, {"steps": [["a", "b"]]}, {"prompts": [["a", "b", "c"]]}, {"features": [{}]},
        {"features": [{"name": "id", "list": [7]}]}, {"samplings": [[]]}, {"languages": []},
    ],
)  # fmt: skip
def test_facts_of_another_form(change: dict[str, Any], small: SmallSet, capsys: pytest.CaptureFixture[str]) -> None:
    path = small.folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    status = call(command, [str(small.folder)])
    assert status in (1, 2) and len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    ["vars: [x]\nstages: {a: {cmd: x, deps: [y]}}", "stages: {a: {outs: 5}}", "stages: {a: {outs: [5]}}", "stages: 3",
     "stages: {a: {outs: {b: c}}}", "stages: {a: {deps: [[1]]}}", "a: b", "[" * 3000],
)  # fmt: skip
def test_a_file_that_is_no_lock(text: str, tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(text)
    with pytest.raises(UserError, match=r"dvc\.lock: is no dvc\.lock"):
        read_lock(path)


def test_a_pipe_among_the_files_is_not_read(small: SmallSet) -> None:
    os.mkfifo(small.folder / "data/p.parquet")
    assert small.verify(replies=None).checks


def test_a_name_longer_than_a_file_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is longer than a name of a file can be" in one_line(capsys, ["x" * 300])


def test_a_key_in_place_of_its_path_is_not_shown(small: SmallSet, capsys: pytest.CaptureFixture[str]) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIsecretsecret\n-----END PRIVATE KEY-----"
    line = one_line(capsys, [str(small.folder), "--public-key", key])
    assert "holds a key and no path" in line and "secretsecret" not in line
    with pytest.raises(UserError, match="holds a key and no path"):
        dsse.private_key(Path(key))
