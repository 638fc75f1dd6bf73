"""Two runs of one project at the same time: their stages overlap, and dvc.lock has both."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from stages.execution.dvc_repro import StageClock, run_dvc

MEETS = "timeout 120 sh -c 'echo here > {other} & read line < {own}'"
"""Through two named pipes: ends when the other stage has begun, and fails where that does not begin meanwhile."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A DVC project of two stages that each need the other to run at the same time, and one that reads both."""
    pipes = {name: tmp_path / name for name in ("left", "right")}
    for pipe in pipes.values():
        os.mkfifo(pipe)
    stages = {
        name: {
            "cmd": f"{MEETS.format(own=pipes[name], other=pipes[other])} && echo {name} > {name}.txt",
            "outs": [f"{name}.txt"],
        }
        for name, other in (("left", "right"), ("right", "left"))
    }
    both = {"cmd": "cat left.txt right.txt > both.txt", "deps": ["left.txt", "right.txt"], "outs": ["both.txt"]}
    (folder := tmp_path / "project").mkdir()
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {**stages, "both": both}}))
    with contextlib.chdir(folder):
        Repo.init(no_scm=True).close()
        yield folder


def run(*arguments: str) -> tuple[int, list[str]]:
    """The exit status, and the stages that ran."""
    clock = StageClock()
    status = run_dvc(arguments, clock, "")
    clock.stop()
    return status, [*clock.seconds]


def test_stages_of_two_runs_overlap_and_both_are_recorded(project: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        ended = [*pool.map(lambda name: run("-s", name), ("left", "right"))]
    assert ended == [(0, ["left"]), (0, ["right"])]
    assert {*yaml.safe_load((project / "dvc.lock").read_text())["stages"]} == {"left", "right"}
    assert run() == (0, ["both"]), "what the two made is up to date"
    assert (project / "both.txt").read_text() == "left\nright\n"
