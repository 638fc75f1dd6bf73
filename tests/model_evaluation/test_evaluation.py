"""`seqit eval` from its options to the page, with scripted answers; its mistakes, one line each."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stages.core import cli
from stages.model_evaluation.judge_test import EXCHANGES
from stages.params import load
from tests.inference.loopback import Answer, completed, message_of, serving

RULES = [
    {"match": "backwards|French", "reply": "One. Two."},
    {"match": "ist|est", "reply": "The answer was cut", "status": "truncated"},
    {"reply": "1. alpha\n2. beta"},
]
SERVED = "endpoint:http://127.0.0.1:9/v1#Org/My-Model"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with a params.yaml of its own, as the working folder."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    (tmp_path / "params.yaml").write_text("mine: true\n")
    with contextlib.chdir(tmp_path):
        yield tmp_path


def evaluate(*words: str) -> int:
    return cli.call(import_module("stages.eval"), words)


def scripted(project: Path, *words: str) -> int:
    return evaluate(SERVED, "--engine", "scripted", "--option", f"rules={project / 'rules.json'}", *words)


def judge(request: dict[str, Any], times: int) -> Answer:
    return completed("[[No, 1]]" if EXCHANGES[1].response in message_of(request) else "[[Yes, 4]]")


def test_a_model_with_a_judge_and_then_again_for_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(judge) as server:
        words = (
            "--on",
            "verified:6,seqeval:3,xquad[de]:2",
            "--judge",
            f"endpoint:{server.url}#critic",
            "--out",
            "first",
        )
        assert scripted(project, *words) == 0
        asked = len(server.requests)
        output = capsys.readouterr()
        assert scripted(project, *words) == 0
        assert len(server.requests) == asked == 7  # 2 probes of the dialect, 2 of the judge
    table = [line.split() for line in output.out.splitlines() if line]
    assert ["seqeval", "following", "3", "100.0"] in [line[:4] for line in table]
    assert "83.4 → 89.3" in output.out and "page: first/data/report/index.html" in output.out
    assert "cut off at the token limit" in output.err.splitlines()[-1]
    page = Path("first/data/report/index.html").read_text()
    assert (
        page.count("<details open") == 5
        and "83.4 → 89.3" in page
        and "against" not in page
        and "tile" not in page.partition("<body")[2]
    )
    params = load("first/params.yaml")
    assert [*params.predict.models] == ["my-model"] and params.references["critic"] == f"endpoint:{server.url}#critic"
    assert Path("params.yaml").read_text() == "mine: true\n"
    assert not [path for path in Path("first").rglob("*") if path.is_symlink()]


def test_without_a_judge_it_says_so_first_and_rules_still_score(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted(project, "--on", "seqeval:2,verified:2", "--max-tokens", "64") == 0
    output = capsys.readouterr()
    assert "seqeval needs a judge" in output.err.splitlines()[0]
    assert re.search(r"seqeval +following +2 +not scored", output.out)
    (page,) = Path("evaluations/my-model").glob("*/data/report/index.html")
    assert page.parts[2] == "seqeval-2-verified-2-tokens-64"
    results = page.read_text().partition('id="results"')[2]
    assert results.index("a judge is needed") < results.index("<table")


def test_a_judge_that_can_not_tell_answers_apart_is_not_used(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda request, times: completed("[[Yes, 5]]")) as server:
        assert scripted(project, "--on", "seqeval:2", "--judge", f"{server.url}#critic") == 0
        assert len(server.requests) == 4  # 2 probes of the dialect, 2 of the judge
    before, last = capsys.readouterr().err.partition("seqit predict")[::2]
    assert "critic does not tell a right answer from an unrelated one" in before
    assert "critic does not tell" in last.splitlines()[-1]


def test_a_failure_leaves_no_folder_and_keeps_what_was_there(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scripted(project, "--on", "seqeval:2", "--out", "done/it") == 0
    before = Path("done/it/params.yaml").read_text()
    (project / "rules.json").write_text('[{"match": "("}]')
    assert scripted(project, "--on", "seqeval:3", "--out", "done/it") == 2
    assert Path("done/it/params.yaml").read_text() == before and [*Path("done").iterdir()] == [Path("done/it")]


def test_models_of_one_name_have_folders_of_their_own(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = ("--engine", "scripted", "--option", f"rules={project / 'rules.json'}", "--on", "verified[1-2]:4")
    for reference in (SERVED, other := SERVED.replace("#Org/", "#other/"), SERVED, other):
        assert evaluate(reference, *rules) == 0
    pages = sorted(Path("evaluations/my-model").glob("*/data/report/index.html"))
    assert [page.parts[2][:15] for page in pages] == ["verified-1-2-4", "verified-1-2-4-"]
    titles = [re.search("<h1>(.*?)</h1>", page.read_text())[1] for page in pages]  # type: ignore[index]
    assert titles == [f"Evaluation of my-model ({one})" for one in (SERVED, other)]
    output = capsys.readouterr()
    assert f"is of {SERVED}; this evaluation is written to evaluations/my-model/verified-1-2-4-" in output.err
    assert "following: every task was attempted, right or wrong" in output.out
    assert re.search(r"verified +following +[0-9.]+ \(2\) +[0-9.]+ \(2\)", output.out)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


MISTAKES = {
    "no such benchmark": (["--on", "seqevl:3"], "unknown benchmark 'seqevl'; did you mean 'seqeval'?"),
    "no items": (["--on", "seqeval:0"], "'0' is no number of items; write 1 or more"),
    "language of none": (["--on", "xquad[german]"], "'german' is no language; did you mean de?"),
    "a language without files": (["--on", "xquad[fr]"], "fr"),
    "no files of seqit": (["--on", "sifo:3"], "seqit has no files of it; write sifo=/its/files"),
    "no such file": (["--on", "sifo=/nowhere"], "no such file or folder"),
    "an option without value": (["--option", "rules"], "write KEY=VALUE"),
    "a number in place of a count": (["--on", "verified=60"], "verified:60 asks for so many items"),
    "no instructions in it": (["--on", "verified[1-3,fr]:6"], "verified has no instructions in fr; write en, de, es"),
    "a key of no use": (["--key-env", "HOME"], "--key-env: my-model runs here and needs no key"),
    "a key of no judge": (["--judge-key-env", "HOME"], "--judge-key-env: no judge is named"),
    "a judge's key that is not set": (
        ["--judge", "http://127.0.0.1:9/v1#m", "--judge-key-env", "SEQIT_NO_SUCH_KEY"],
        "--judge-key-env SEQIT_NO_SUCH_KEY: this environment variable is not set",
    ),
    "no such engine": (["--engine", "vlm"], "unknown engine 'vlm'; did you mean 'vllm'?"),
    "weights of a server": (["--engine", "embedded"], "is a server; leave out --engine embedded"),
    "a judge without a name": (["--judge", "http://127.0.0.1:9/v1"], "--judge: http://127.0.0.1:9/v1: write endpoint:"),
    "a judge that is nothing": (["--judge", "nobody"], "--judge: 'nobody' is no model"),
    "a folder of something else": (["--out", "mine"], "exists and is no evaluation of seqit; name another"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(project: Path, capsys: pytest.CaptureFixture[str], mistake: str) -> None:
    (project / "mine").mkdir()
    (project / "mine" / "thesis.txt").write_text("dear")
    words, message = MISTAKES[mistake]
    assert scripted(project, *words) == 2 if "--engine" not in words else evaluate(SERVED, *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not Path("evaluations").exists() and (project / "mine" / "thesis.txt").exists()


MODELS = {
    "nothing": "is no model; write smollm2, a folder",
    "empty": "has no config.json",
    "rules.json": "is no .gguf file",
    "path:/nowhere/at-all": "no such file or folder",
    "http://127.0.0.1:9/v1": "write endpoint:http://HOST:PORT/v1#MODEL",
}


@pytest.mark.parametrize("model", MODELS)
def test_models_that_are_none(project: Path, capsys: pytest.CaptureFixture[str], model: str) -> None:
    (project / "empty").mkdir()
    assert evaluate(model) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert MODELS[model] in line


def test_a_server_that_is_not_there(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = f"endpoint:http://127.0.0.1:{free_port()}/v1#m"
    assert evaluate(dead, "--on", "seqeval:1") == 2
    assert "127.0.0.1" in capsys.readouterr().err.splitlines()[-1]
    assert not [*Path("evaluations").rglob("*")] or not [*Path("evaluations").glob("*/*")]


@pytest.mark.slow
def test_the_packaged_model(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("smollm2", "--on", "verified[1]:4", "--max-tokens", "16") == 0
    assert re.search(r"verified +following +4 ", capsys.readouterr().out)
