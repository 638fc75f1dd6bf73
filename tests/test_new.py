"""`seqit new`: an experiment of one's own from one command, in a subfolder and without an activated environment too."""

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages import new
from stages.core import artifacts, cli
from stages.core.records import Record
from stages.params import load
from tests.inference.loopback import completed, message_of, serving
from tests.test_pipeline import working_tree

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    {"question": f"What is the largest lake of country number {n}?", "context": "", "answers": {"text": [f"lake {n}"]}}
    for n in range(6)
]
PROBES = 12
"""The most requests by which the dialect of a server is learned."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a params.yaml of the user's own, a graph and a corpus."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    (tmp_path / "params.yaml").write_text("seed: 1   # mine\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def run(folder: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """`python -m stages` as a user has it who has activated nothing."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"} | env
    command = [sys.executable, "-m", "stages", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_it_puts_params_in_place_and_says_what_to_type_next(project: Path) -> None:
    done = run(project / "data", "new", "mine", "--corpus", "rows.jsonl", "--server", "localhost:1", "--model", "m")
    assert done.returncode == 0, done.stderr
    params = load(project / "params.yaml")
    assert params.ingest.corpora["mine"].source == "data/rows.jsonl"
    assert params.ingest.corpora["mine"].language == "en"
    assert list(params.ingest.corpora) == list(params.rewrite.corpora) == list(params.publish) == ["mine"]
    assert (project / "params.yaml.before").read_text() == "seed: 1   # mine\n"
    lines = done.stdout.splitlines()
    assert lines[0] == "params.yaml is now the experiment mine; what it was is in params.yaml.before"
    assert "  instruction: What is the largest lake of country number 0?" in lines
    assert "  response:    lake 0" in lines
    assert [line.split()[1] for line in lines[-3:]] == ["check", "plan", "run"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine"], "--corpus: name one file or folder of rows"),
        (["Mine.v2", "--corpus", "data/rows.jsonl"], "small letters, digits, - and _ only, such as mine-v2"),
        (["mine", "--corpus", "data/row.jsonl"], "no such file or folder; did you mean data/rows.jsonl?"),
        (["mine", "--corpus", "https://host/rows.jsonl"], "is an address; download it first"),
        (["mine", "--from", "org/set"], "hub:org/set is not pinned; write hub:org/set@COMMIT"),
        (["mine", "--from", "org/set"], "`git ls-remote https://huggingface.co/datasets/org/set HEAD`"),
        (["mine", "--from", "hub:"], "--from: must be hub:ORG/NAME@COMMIT"),
        (["mine", "--from", f"hub:a/b/c@{'0' * 40}"], "names no repository of the Hub; write hub:ORG/NAME@COMMIT"),
        (["mine", "--from", f"hub:org/na me@{'0' * 40}"], "names no repository of the Hub"),
        (["mine", "--from", "path:/tmp"], "names no repository of the Hub"),
        (["mine", "--from", "hub:org/set@a@b"], "names no repository of the Hub"),
        (["mine", "--from", "hub:org/set@../.."], "names no repository of the Hub"),
        (["mine", "--corpus", "data/rows.jsonl", "--language", "english"], "did you mean en?"),
        (["mine", "--corpus", "data/rows.jsonl", "--fields", "instruction=answers"], "row 0: field 'answers' holds"),
        (["mine", "--corpus", "data/rows.jsonl", "--server", "http://u:p@h/v1", "--model", "m"], "may be a secret"),
        (["mine", "--corpus", "data/rows.jsonl", "--server", "ftp://h/v1", "--model", "m"], "is no http(s) address"),
        (["mine", "--corpus", "data/rows.jsonl", "--server", "http://[h/v1", "--model", "m"], "is no http(s) address"),
        (["mine", "--corpus", "data/rows.jsonl", "--server", "h:port"], "http://h:port: is no http(s) address"),
        (["mine", "--corpus", "data/rows.jsonl", "--model", "endpoint:h:1/v1#m"], "h:1/v1: is no http(s) address"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_changes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with contextlib.chdir(project), pytest.raises(cli.typer.Exit) as stopped:
        raise cli.typer.Exit(cli.call(new, words))
    error = capsys.readouterr().err
    assert stopped.value.exit_code == 2 and len(error.splitlines()) == 1 and message in error
    assert (project / "params.yaml").read_text() == "seed: 1   # mine\n"
    assert not (project / "params.yaml.before").exists()


def test_outside_of_a_project_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS[0]))
    with contextlib.chdir(tmp_path):
        assert cli.call(new, ["mine", "--corpus", "rows.jsonl"]) == 2
    assert "is no project of seqit (no dvc.yaml); run from the top of the clone" in capsys.readouterr().err
    assert not (tmp_path / "params.yaml").exists()


def test_rows_in_one_object_are_told_with_the_command_that_takes_them_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "all.json").write_text(json.dumps({"version": 1, "data": ROWS}))
    with contextlib.chdir(project):
        assert cli.call(new, ["mine", "--corpus", "all.json"]) == 2
    assert "all.json: one object; its rows are in 'data'; write them one a line: `jq -c" in capsys.readouterr().err


def test_a_sample_larger_than_the_corpus_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(project):
        assert cli.call(new, ["mine", "--corpus", "data/rows.jsonl", "--sample", "100"]) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("warning: --sample 100: the corpus has 6 rows, so all of them are read")


@pytest.mark.slow
def test_from_one_command_to_a_published_set(tmp_path: Path) -> None:
    """DVC runs all of it: without benchmarks, training and a report's baseline, and asks for nothing but these rows."""
    working_tree(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(home / "site"),
                   "PYTHONPATH": str(tmp_path)}  # fmt: skip
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with serving(lambda body, times: completed("Name three lakes that are large.")) as server:
        for words in (
            ["new", "mine", "--corpus", "rows.jsonl", "--server", server.url, "--model", "m", "--rounds", "1"],
            ["plan"],
            ["repro"],
            ["show", "mine"],
        ):
            done = run(tmp_path / "docs" if words == ["repro"] else tmp_path, *words, **environment)
            assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    rows = list(artifacts.read(tmp_path / "data/responded/mine/1.jsonl", Record))
    changed = [row for row in rows if row.instruction.startswith("First, name three lakes that are large.")]
    assert len(rows) == len(ROWS) and changed
    assert (tmp_path / "data/published/mine/README.md").exists() and (tmp_path / "data/report/index.html").exists()
    others = [request for request in server.requests if "country number" not in message_of(request)]
    assert len(others) <= PROBES < len(server.requests)
