"""SIGTERM to `seqit run` ends DVC and its stage too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
sys.path.insert(0, {root!r})
from stages.execution.dvc_repro import StageClock, run_dvc
try:
    run_dvc({arguments!r}, StageClock(), "")
except KeyboardInterrupt:
    sys.exit(130)
"""
STAGE = "echo $$ > {name}.pid && exec {python} -c 'import time; time.sleep(60)'"


def is_running(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("arguments", [[], ["--keep-going"]])
@pytest.mark.parametrize("background", [False, True])
def test_sigterm_ends_the_stage_and_no_other_begins(tmp_path: Path, arguments: list[str], background: bool) -> None:
    commands = {name: STAGE.format(name=name, python=sys.executable) for name in ("one", "two")}
    stages = {name: {"cmd": command, "outs": [f"{name}.txt"]} for name, command in commands.items()}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    Repo.init(str(tmp_path), no_scm=True).close()
    code = RUN.format(root=str(ROOT), arguments=arguments)
    former = signal.signal(signal.SIGINT, signal.SIG_IGN if background else signal.default_int_handler)
    try:  # a shell has what it starts in the background ignore SIGINT
        run = subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, former)
    marks = [tmp_path / "one.pid", tmp_path / "two.pid"]
    deadline = time.monotonic() + 60
    while not (first := next((mark for mark in marks if mark.exists() and mark.read_text()), None)):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    run.terminate()
    assert run.wait(30) == 130
    assert not is_running(int(first.read_text()))
    assert not any(is_running(int(mark.read_text())) for mark in marks if mark.exists() and mark.read_text())
