"""A door tells a mistake in one line, whatever the names and values in it are; `repro` passes on what it is given."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.cli import entry_name, entry_names

ROOT = Path(__file__).resolve().parents[1]
COMMAND = r"""
from stages.core.cli import main
from stages.core.errors import UserError

def ingest() -> None:
    raise UserError("data/a\nb\x1b[31m\u202e\ud800é.jsonl:1: mend it")

main(ingest)
"""


def test_a_mistake_is_one_line_without_escape_sequences(tmp_path: Path) -> None:
    (tmp_path / "ingest.py").write_text(COMMAND, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, tmp_path / "ingest.py"], capture_output=True, env=environment)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "seqit ingest: data/a\\nb\\x1b[31m\\u202e\\ud800é.jsonl:1: mend it\n"


@pytest.mark.parametrize(
    "address", ["seed-1", "rewrite@seed-1", "../dvc.yaml:rewrite@seed-1", "../a@b/dvc.yaml:r@seed-1"]
)
def test_an_entry_is_named_by_itself_or_by_the_address_of_its_stage(address: str) -> None:
    assert entry_name(address) == "seed-1"
    assert entry_names([address, f"{address}.plain"]) == ["seed-1", "seed-1.plain"]


GRAPH = """
stages:
  first: {cmd: "echo made > first", outs: [{first: {cache: false}}]}
  say: {foreach: [seed-1, seed-2], do: {cmd: "cat first; echo output ${item}", deps: [first]}}
  fails: {cmd: "python fails.py"}
  rewrite:
    foreach: [seed]
    do:
      cmd:
        - mkdir -p data/metrics/rewrite/${item} data/rewritten
        - cp counts.json data/metrics/rewrite/${item}/1.json
        - touch data/rewritten/${item}.rejected.jsonl
      outs: ["data/rewritten/${item}.rejected.jsonl", {data/metrics/rewrite/seed: {cache: false}}]
"""
COUNTS = {"rows": 3, "counts": {"hold": 2}, "failures": 1, "rows_by_tasks": {"1": 3},
          "single_tasks_by_outcome": {"held": 2, "unparsed": 1}, "replies": 9}  # fmt: skip
"""Metrics of a round that changed nothing."""
FAILS = """
from stages.core.cli import main
from stages.core.errors import UserError

def fails() -> None:
    raise UserError("data/none.jsonl: no such file; make it")

main(fails)
"""


@pytest.mark.slow
def test_dvc_tells_a_stage_its_address_from_a_folder_below_too(tmp_path: Path) -> None:
    stage = {"foreach": {"seed-1": {}}, "do": {"cmd": 'echo "$DVC_STAGE" >> address', "always_changed": True}}
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": {"s": stage}}))
    (tmp_path / "below").mkdir()
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], cwd=tmp_path, env=environment, check=True)
    for folder, target in ((tmp_path, "s@seed-1"), (tmp_path / "below", "../dvc.yaml:s@seed-1")):
        subprocess.run([*dvc, "repro", "-q", target], cwd=folder, env=environment, check=True)
    addresses = (tmp_path / "address").read_text().splitlines()
    assert addresses == ["s@seed-1", "../dvc.yaml:s@seed-1"]
    assert entry_names(addresses) == ["seed-1", "seed-1"]


@pytest.mark.slow
def test_repro_hands_dvc_its_stages_and_options(tmp_path: Path) -> None:
    shutil.copy(ROOT / "stages/profiles/full.yaml", tmp_path / "params.yaml")
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    (tmp_path / "fails.py").write_text(FAILS)
    folders = {name: str(tmp_path / name.lower()) for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR")}
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"} | folders
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, env=environment, check=True)

    def repro(*arguments: str, name: str = "repro") -> tuple[bool, str]:
        command = [sys.executable, "-m", "stages", name, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        told.append(done.stderr)
        return done.returncode == 0, done.stdout

    told: list[str] = []
    went, output = repro("--dry", "say@seed-1")
    assert went and "'first'" in output and " ran, " not in output and not (tmp_path / "first").exists()
    assert not repro("-s", "say@seed-1")[0], "alone, it misses what it reads"
    went, output = repro("say@seed-2")
    assert went and "output seed-2" in output and "output seed-1" not in output and "== 2 stages ran, " in output
    went, output = repro("-s", "-f", "say@seed-2")
    assert went and "output seed-2" in output and "== 1 stage ran, " in output
    went, output = repro("-sf", "say@seed-3; touch pwned")
    assert not went and not (tmp_path / "pwned").exists()
    (tmp_path / "counts.json").write_text(json.dumps(COUNTS))
    went, output = repro("rewrite@seed", name="run")
    assert went and output.splitlines()[-1] == "seed: 3 rows: no chain, 2 held, 1 failed (1 unparsed)"
    assert "> python" not in output and "Updating lock file" not in output and "is empty" not in told[-1]
    assert told[-1].splitlines()[-1].startswith("seqit run: warning: seed: no row is a sequence of tasks, 1 of 3 rows")
    assert json.loads((tmp_path / ".seqit/stage_times.json").read_text()).keys() == {
        "first",
        "say@seed-2",
        "rewrite@seed",
    }
    went, output = repro("rewrite@seed", name="run")
    assert went and "seed: 3 rows: no chain, 2 held, 1 failed (1 unparsed)" in output, "also where all is up to date"
    went, output = repro("fails", name="run")
    *_, first, error, advice = told[-1].splitlines()
    assert not went and first == "seqit run: FAILED at fails; nothing after it ran"
    assert error == "seqit run: fails: data/none.jsonl: no such file; make it" and "`seqit run` goes on" in advice
