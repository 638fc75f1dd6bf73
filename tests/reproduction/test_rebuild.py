"""Stages run after those that they read from; what fails, differs or is missing is told, with what has changed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.planning.dvc_graph import Step
from stages.planning.overlay import md5
from stages.reproduction.outputs import Rebuilt
from stages.reproduction.rebuild import rebuild
from stages.reproduction.reproduce_run import Reproduction
from stages.reproduction.reproduction_table import closing_lines, stage_line
from stages.reproduction.run_step import VARIABLE, environment, run_step
from stages.reproduction.work_folder import copy_sources, overlap, sources, work_folder


def recorded(text: str) -> Any:
    """A dependency or an output of that text, as DVC has it."""
    return SimpleNamespace(hash_info=SimpleNamespace(value=hashlib.md5(text.encode()).hexdigest()))


def step(name: str, deps: Mapping[str, str], outs: Mapping[str, str], module: str = "copy") -> Step:
    """A stage; deps and outs: path -> its text in dvc.lock."""
    stage = SimpleNamespace(
        deps=[recorded(text) for text in deps.values()], outs=[recorded(text) for text in outs.values()], desc="Copy it"
    )
    return Step(name, [["python", "-m", f"stages.{module}"]], [*deps], [*outs], stage)


CHAIN = [
    step("first", {"source.txt": "a"}, {"data/one.txt": "a"}),
    step("second", {"data/one.txt": "a"}, {"data/two.txt": "a"}),
    step("third", {"data/two.txt": "a"}, {"data/three.txt": "a"}),
]


def copied(one: Step, folder: Path) -> str:
    """Writes the text of a stage's first dependency into its outputs."""
    for out in one.outs:
        (folder / out).parent.mkdir(exist_ok=True)
        (folder / out).write_text((folder / one.deps[0]).read_text())
    return ""


def failing(name: str) -> Any:
    return lambda one, folder: "no such reply" if one.name == name else copied(one, folder)


def run(folder: Path, source: str, stages: list[Step] = CHAIN, how: Any = copied) -> dict[str, Rebuilt]:
    (folder / "source.txt").write_text(source)
    hashes = {"source.txt": md5(folder / "source.txt")}
    return {one.name: rebuilt for one, rebuilt in rebuild(stages, hashes, folder, 2, how)}


def test_every_output_is_reproduced(tmp_path: Path) -> None:
    done = run(tmp_path, "a", CHAIN[::-1])
    assert list(done) == ["first", "second", "third"]
    assert [output.state for one in done.values() for output in one.outputs] == ["reproduced"] * 3
    assert Reproduction([*done.values()], 1, 1.0).is_whole
    assert "1 of 1" in stage_line(CHAIN[0], done["first"])


def test_a_changed_source_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "b")
    assert [output.state for one in done.values() for output in one.outputs] == ["differs"] * 3
    assert done["first"].outputs[0].reason.endswith("; changed since dvc.lock: source.txt")
    assert "changed since" not in done["second"].outputs[0].reason
    result = Reproduction([*done.values()], 1, 1.0)
    assert not result.is_whole
    text = "\n".join(closing_lines(result, tmp_path, tmp_path / "report", every=False))
    assert "3 differs from dvc.lock" in text and "the report" not in text
    assert "DIFFERS" in stage_line(CHAIN[0], done["first"])


def test_nothing_is_run_on_what_a_failed_stage_left_out(tmp_path: Path) -> None:
    done = run(tmp_path, "a", how=failing("second"))
    assert done["second"].failure == "no such reply" and "FAILED" in stage_line(CHAIN[1], done["second"])
    assert [output.reason for output in done["third"].outputs] == ["second was not rebuilt"]
    assert [output.reason for output in done["second"].outputs] == ["second failed"]
    result = Reproduction([*done.values()], 1, 1.0)
    assert done["first"].is_good and not result.is_whole
    assert "second: no such reply" in [*closing_lines(result, tmp_path, tmp_path / "report", every=False)]


def test_an_output_that_dvc_lock_has_and_no_stage_makes_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "a", CHAIN[:1], lambda one, folder: "")
    assert (done["first"].outputs[0].state, done["first"].outputs[0].reason[:11]) == ("differs", "dvc.lock ha")


@pytest.mark.parametrize(("committed", "state"), [("a", "as committed"), ("b", "differs"), (None, "differs")])
def test_files_of_training_must_be_those_of_dvc_lock(tmp_path: Path, committed: str | None, state: str) -> None:
    train = step("train@it", {"source.txt": "a"}, {"models/it": "m", "metrics.json": "a"}, "train")
    if committed:
        (tmp_path / "metrics.json").write_text(committed)
    done = run(tmp_path, "a", [train], failing("train@it"))
    assert [output.state for output in done["train@it"].outputs] == ["not rebuilt", state]
    assert done["train@it"].is_good == (state == "as committed")


def test_sources_are_what_no_stage_makes() -> None:
    outside = step("fourth", {"../elsewhere.txt": "a"}, {"data/four.txt": "a"})
    assert sources([*CHAIN, outside]) == ["dvc.yaml", "params.yaml", "schemas", "source.txt", "stages"]
    assert overlap("data/a", "data/a/b.json") and not overlap("data/a", "data/ab")


def test_a_work_folder_leaves_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("stages")
    with work_folder(tmp_path / "dvc"):
        pass
    assert (tmp_path / "dvc.lock").read_text() == "stages"


def test_a_work_folder_is_empty_and_has_one_user(tmp_path: Path) -> None:
    with work_folder(tmp_path / "work") as folder:
        (folder / "left").write_text("x")
    with work_folder(tmp_path / "work") as folder:
        assert not (folder / "left").exists()
        with pytest.raises(UserError, match="another `seqit reproduce`"), work_folder(tmp_path / "work"):
            pass


def test_no_other_folder_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for path in ("mine", "mine/thesis.txt"):
        with pytest.raises(UserError, match="holds something else"), work_folder(tmp_path / path):
            pass
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.json: no such file"):
        copy_sources(["nowhere.json"], tmp_path)


def test_a_stage_gets_its_own_store_and_can_ask_nobody(tmp_path: Path) -> None:
    variables = environment(tmp_path, "publish")
    assert variables[VARIABLE] and variables["SEQIT_REPLIES"] == str(tmp_path / ".seqit/replies.sqlite")
    assert "HF_TOKEN" not in variables
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "__init__.py").touch()
    (tmp_path / "stages" / "copy.py").write_text("import os\nraise SystemExit(f'{os.getcwd()}/data/x: is bad')\n")
    assert run_step(CHAIN[0], tmp_path) == "data/x: is bad"
