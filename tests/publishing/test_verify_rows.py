"""`verify_rows.py` beside a published set: alone with pyarrow, with the bytes and differences that seqit finds."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Record, Turn, canonical
from stages.publishing import parquet, verify_rows
from stages.publishing.dataset import VERIFIER, Publication, write_dataset
from stages.publishing.published_rows import TRAINING_TYPES, Query
from stages.publishing.reward_prompts import GrpoRow
from tests.publishing.test_reward_prompts import ROWS as CHECKED
from tests.reporting.examples import asked, record, step, trained
from tests.verification.small_set import make

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc_"), inner),
)


@given(JSON)
def test_hashed_bytes_are_those_of_seqit(value: Any) -> None:
    assert verify_rows.canonical(value) == canonical(value)


@pytest.mark.parametrize("kind", [*TRAINING_TYPES.values(), Query, GrpoRow], ids=lambda kind: kind.__name__)
def test_types_are_named_as_in_the_card(kind: Any) -> None:
    named = [{"name": field.name, **verify_rows.feature(field.type)} for field in parquet.arrow(kind)]
    assert named == parquet.features(kind)


def spoken() -> list[Record]:
    """Rows with everything that messages are built of, and outputs of every status."""
    turns = (Turn("Hi", " Ho "),)
    return [
        *trained(2), record(5, system=" ", input="Lakes"), record(6, system="Be brief.", history=turns, response=" \n"),
        record(7, step("respond", "respond", "truncated"), history=turns, response=" Rhine"),
    ]  # fmt: skip


SETS: dict[str, tuple[Callable[[], list[Record]], Any]] = {
    "rows": (spoken, "rows"), "benchmark": (asked, "rows"), "grpo": (lambda: list(CHECKED), "grpo"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_a_published_set_of_every_form_agrees(tmp_path: Path, name: str) -> None:
    records, form = SETS[name]
    write_dataset(tmp_path, Publication("set", "0.1.0", "responded/seed/2", form), records)
    assert list(verify_rows.check(tmp_path)) == []


def alone(folder: Path, packages: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The program beside a set, in a Python that has pyarrow and nothing else."""
    packages.mkdir(exist_ok=True)
    site = Path(pyarrow.__file__).parents[1]
    for name in ("pyarrow", "pyarrow.libs"):
        if (site / name).exists() and not (packages / name).exists():
            (packages / name).symlink_to(site / name)
    code = (
        "import runpy, sys\nsys.path = [path for path in sys.path if 'site-packages' not in path] + [sys.argv.pop(1)]\n"
        "sys.argv.pop(0)\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'stages', 'msgspec', 'numpy'} & sys.modules.keys()"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(packages), str(folder / VERIFIER), *(words or [str(folder)])]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})


def test_it_runs_with_pyarrow_alone_and_finds_what_seqit_finds(tmp_path: Path) -> None:
    small = make(tmp_path / "made", "small")
    done = alone(small.folder, tmp_path / "packages")
    assert (done.returncode, done.stderr) == (0, "") and "every row is as published" in done.stdout
    id = small.change(2, lambda row: row.update(output="\x1b[31mred"))
    done = alone(small.folder, tmp_path / "packages")
    assert done.returncode == 1 and "\x1b" not in done.stdout
    assert f"data {id}: is no row of rows.sha256 (output)" in done.stdout
    assert f"data {id} messages: are not those of the row's other columns" in done.stdout


def test_what_is_no_published_set_is_one_line(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", Publication("set", "0.1.0", "responded/seed/2"), trained)
    for name, data in (("provenance.json", b"[]"), ("data/train.parquet", b"no"), ("provenance.json", b"{")):
        (tmp_path / "set" / name).write_bytes(data)
        done = alone(tmp_path / "set", tmp_path / "packages")
        assert done.returncode == 2 and done.stderr.startswith(f"{tmp_path / 'set'}: is no data set that seqit publ")
        assert done.stderr.count("\n") == 1 and not done.stdout
    assert alone(tmp_path / "set", tmp_path / "packages", "-h").returncode == 2
