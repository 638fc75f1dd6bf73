"""The last lines of a run: of corpora that ran, are up to date or are published, and of a run that failed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core import run_messages
from stages.execution.run_failure import failure_lines
from stages.execution.run_outcome import run_outcome
from stages.params import Params, parse

CORPUS = {"source": "mine.jsonl", "adapter": "alpaca", "licence": "mit", "language": "en"}
ROUND = {"rows": 30, "counts": {"suffix": 28}, "failures": 2, "rows_by_tasks": {"1": 2, "2": 28},
         "single_tasks_by_outcome": {"unparsed": 2}}  # fmt: skip
LINE = "mine: 30 rows: 28 chains of 2 tasks, 2 failed (2 unparsed)"
TRUNCATED = ", 4 responses truncated (at the token limit)"


@pytest.fixture
def params() -> Params:
    return parse({
        "seed": 1, "tokenizer": "m", "fetch": {"models": {"m": {"reference": "endpoint:http://h/v1#m"}}},
        "engines": {"generator": {"model": "m", "engine": "openai"}}, "validate": {"max_quarantined": 0.1},
        "ingest": {"corpora": {"mine": CORPUS}},
        "rewrite": {
            "settings": {
                "sampling": {"temperature": 0.7, "top_p": 0.9, "top_k": 0, "max_tokens": 8}, "attempts": 1,
                "orders": 1, "gates": {"max_words": 400, "max_growth": 8.0},
            },
            "corpora": {"mine": {"reads": "ingested/mine", "rounds": 1, "prompts": "stages/prompts/small"}},
        },
        "respond": {"settings": {
            "sampling": {"temperature": 0.7, "top_p": 0.9, "top_k": 0, "max_tokens": 8}, "attempts": 1}},
        "publish": {"set": {"reads": "responded/mine/1", "version": "0.1.0"}},
    })  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for stage, counts in {"rewrite": ROUND, "respond": {"rows": 30, "failures_by_status": {"truncated": 4}}}.items():
        file = tmp_path / f"data/metrics/{stage}/mine/1.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(counts))
    return tmp_path


@pytest.mark.parametrize(
    ("stages", "lines"),
    [
        (["rewrite@mine", "../dvc.yaml:publish@set"], [f"{LINE}{TRUNCATED}; data/published/set"]),
        (["publish@set"], [f"{LINE}{TRUNCATED}; data/published/set"]),
        (["respond@mine"], [f"{LINE}{TRUNCATED}"]), (["ingest_corpus@mine", "publish@gone"], []),
    ],
)  # fmt: skip
def test_each_corpus_that_was_made_or_published_has_a_line(
    params: Params, root: Path, stages: list[str], lines: list[str]
) -> None:
    assert run_outcome(params, stages, root) == (lines, [])


def test_responses_of_an_earlier_run_are_not_told_where_rewriting_failed(params: Params, root: Path) -> None:
    assert run_outcome(params, ["ingest_corpus@mine"], root, ["rewrite@mine"]) == ([LINE], [])
    assert run_outcome(params, ["rewrite@mine"], root, ["respond@mine"])[0] == [f"{LINE}{TRUNCATED}"]


def test_the_end_of_a_failed_run_says_where_what_and_what_to_do(params: Params, root: Path) -> None:
    errors = {"rewrite@mine": "data/rewritten/mine/1.jsonl: 47% of the rows came to nothing"}
    ended = ["ingest_corpus@mine"]
    first, error, advice = failure_lines(params, [], ended, [*errors], errors, root)
    assert first == "FAILED at rewrite@mine; nothing after it ran; not published: data/published/set"
    assert error == f"rewrite@mine: {errors['rewrite@mine']}"
    assert advice.startswith("what to do: correct what the error says, then `seqit run` goes on")
    (root / "data/rewritten/mine").mkdir(parents=True)
    (root / "data/rewritten/mine/1.jsonl").touch()
    (root / "data/published/set").mkdir(parents=True)
    first, _, advice = failure_lines(params, ["-k"], ended, [*errors], errors, root)
    assert first.startswith("FAILED at rewrite@mine; what depends on it was not run; ")
    assert first.endswith("data/published/set (what is there is of an earlier run)")
    assert "`seqit show mine --rejected`" in advice


@pytest.mark.parametrize(
    ("arguments", "ended", "failed", "first"),
    [
        (["respond@mine"], [], ["respond@mine"], "FAILED at respond@mine; nothing after it ran"),
        (["publish@set"], [], [], "FAILED; DVC's error is above; not published: data/published/set"),
        ([], ["publish@set"], ["report"], "FAILED at report; nothing after it ran"),
    ],
)
def test_what_was_not_published_is_told_only_where_it_was_to_be(
    params: Params, tmp_path: Path, arguments: list[str], ended: list[str], failed: list[str], first: str
) -> None:
    lines = failure_lines(params, arguments, ended, failed, dict.fromkeys(failed, ""), tmp_path)
    assert lines[0] == first and lines[1].startswith("what to do: correct what is said above")


def test_a_stage_hands_its_error_to_the_run_that_started_it(tmp_path: Path) -> None:
    file = tmp_path / run_messages.ERRORS
    assert run_messages.recorded_errors(tmp_path) == {}
    file.write_text('{"stage":"a@b","text":"x: mend it"}\n{"stage":"a@b","text":""}\n{"stage":"c","text":""}\n')
    assert run_messages.recorded_errors(tmp_path) == {"a@b": "x: mend it", "c": ""}
    file.write_text("{")
    assert run_messages.recorded_errors(tmp_path) == {}


def test_what_every_stage_would_say_is_said_once_in_a_run(tmp_path: Path) -> None:
    """By several processes; outside a run each says it."""
    code = "from stages.core.run_messages import is_first_in_run; print(is_first_in_run('http://h calls it x'))"

    def said(environment: dict[str, str]) -> list[str]:
        command = [sys.executable, "-c", code]
        return [subprocess.run(command, env=environment, capture_output=True, text=True).stdout for _ in range(2)]

    outside = {name: value for name, value in os.environ.items() if name != run_messages.VARIABLE}
    outside |= {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    assert said(outside) == ["True\n", "True\n"]
    assert said(outside | {run_messages.VARIABLE: str(tmp_path)}) == ["True\n", "False\n"]
