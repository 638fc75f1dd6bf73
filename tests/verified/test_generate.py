"""The command generate writes what the section says, and the section takes what the generator knows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import msgspec
import yaml

from stages.params.source_sections import GenerateEntry
from stages.verified.inputs import Size
from stages.verified.phrases import LANGUAGES, Layout
from stages.verified.sequence_forms import FORMS
from stages.verified.sequence_generation import LONGEST
from stages.verified.sequence_wording import Selection
from stages.verified.verified_rows import Structure, Verified

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, **changes: object) -> subprocess.CompletedProcess[str]:
    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    values["generate"] = {"verified": values["generate"]["verified"] | changes}
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    command = [sys.executable, "-m", "stages.generate", "verified"]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )


def rows(folder: Path) -> list[Verified]:
    return [msgspec.json.decode(line, type=Verified) for line in (folder / "data/generated/verified.jsonl").open("rb")]


def test_as_many_rows_as_asked_for_of_the_kind_asked_for(tmp_path: Path) -> None:
    how = {"tasks": [2], "structures": ["dependent"], "languages": ["de"]}
    assert run(tmp_path, count=40, **how).returncode == 0
    first = rows(tmp_path)
    assert len(first) == 40
    assert {(len(row.checks), row.structure, row.language) for row in first} == {(2, "dependent", "de")}
    assert run(tmp_path, count=10, **how).returncode == 0
    assert rows(tmp_path) == first[:10]


def test_what_no_task_satisfies_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, languages=["de"], types="unseen")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "seqit generate: params.yaml: generate.verified: no type of task is unseen and worded in 'de'"
    ]
    assert not (tmp_path / "data").exists()


def test_the_section_takes_what_the_generator_knows() -> None:
    def choices(field: str) -> set[str]:
        annotation = GenerateEntry.model_fields[field].annotation
        lists = ("structures", "languages", "layouts")
        return set(get_args(get_args(annotation)[0] if field in lists else annotation))

    assert choices("structures") == set(get_args(Structure))
    assert choices("languages") == set(LANGUAGES)
    assert choices("layouts") == set(get_args(Layout))
    assert choices("form") == set(FORMS)
    assert choices("inputs") == set(get_args(Size))
    assert choices("types") == choices("wordings") == set(get_args(Selection))
    assert LONGEST == 20
