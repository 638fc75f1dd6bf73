"""`seqit label` on a pipe and on a terminal, `calibrate` after it, and their part of the report."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core import artifacts
from stages.evaluation.calibration.human_labels import CheckedLabel
from stages.labelling.label_file import read_labels
from tests.test_losses import answers, call, workplace  # noqa: F401 (a fixture)

LABELS = "labels/people.jsonl"


def environment(workplace: Path) -> dict[str, str]:  # noqa: F811
    return os.environ | {"SEQIT_REPLIES": str(workplace / "r.sqlite"), "SEQIT_CACHE": str(workplace / "cache")}


def seqit_label(workplace: Path, keys: str, *words: str) -> subprocess.CompletedProcess[str]:  # noqa: F811
    command = [sys.executable, "-m", "stages.label", "people", *words]
    return subprocess.run(
        command, cwd=workplace, env=environment(workplace), input=keys, capture_output=True, text=True, check=False
    )


def test_a_pipe_labels_line_by_line_and_the_next_call_goes_on(workplace: Path) -> None:  # noqa: F811
    answers(workplace, "ok", "ok", "failed")
    first = seqit_label(workplace, "4\nq\n")
    assert first.returncode == 0 and "2 of 4 answers labelled -> labels/people.jsonl" in first.stderr
    assert "Name a river" in first.stdout and "sit" not in first.stdout.replace("quality", "")
    rows = read_labels(workplace / LABELS)
    assert [(row.following, row.quality) for row in rows] == [(True, 4), (False, 1)]
    (workplace / LABELS).write_bytes((workplace / LABELS).read_bytes() + b'{"benchmark": "seq')
    second = seqit_label(workplace, "y\n\ny\n")
    assert "the last line was incomplete and is removed" in second.stderr
    assert "2 of 2 answers labelled" in second.stderr
    every = read_labels(workplace / LABELS)
    assert every[:2] == rows and len({row.key for row in every}) == len(every)
    assert "1 of 4" in seqit_label(workplace, "y\n", "--by", "you", "--number", "4").stderr


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[2J"])
def test_a_person_has_a_name_that_can_be_printed(workplace: Path, name: str) -> None:  # noqa: F811
    answers(workplace, "ok")
    result = seqit_label(workplace, "4\n", "--by", name)
    assert result.returncode == 2 and "--by: write a name" in result.stderr and not (workplace / LABELS).exists()


def test_a_terminal_takes_keys_and_an_interruption_loses_nothing(workplace: Path) -> None:  # noqa: F811
    answers(workplace, "ok", "ok", "ok")
    upper, lower = pty.openpty()
    command = [sys.executable, "-m", "stages.label", "people"]
    process = subprocess.Popen(
        command, cwd=workplace, env=environment(workplace), stdin=lower, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, bufsize=1,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    for key, place in (("5", "1 of 6"), ("n", "2 of 6"), ("", "3 of 6")):
        while place not in process.stdout.readline():
            pass
        os.write(upper, key.encode())
    process.send_signal(2)
    assert process.wait() == 130 and "Traceback" not in process.stderr.read()
    process.stdout.close(), process.stderr.close(), os.close(upper), os.close(lower)
    rows = read_labels(workplace / LABELS)
    assert [(row.following, row.quality) for row in rows] == [(True, 5), (False, None)]


def test_calibrate_validates_its_labels_and_the_report_shows_them(workplace: Path) -> None:  # noqa: F811
    answers(workplace, *["ok"] * 5)
    seqit_label(workplace, "4\n5\nq\nw\n4\n3\n")
    result = call(workplace, "calibrate", "people")
    assert result.exit_code == 0, result.output
    found = json.loads((workplace / "data/metrics/calibrate/people.json").read_text())
    assert (found["labels"], found["used"], found["unused"]) == (6, 6, {})
    assert found["following"]["sensitivity"]["mean"] == 1 and found["following"]["specificity"]["mean"] == 0
    assert found["uncorrected"] == "chance"
    result = call(workplace, "validate", "labels", "people", "--suite", "labels")
    assert result.exit_code == 0, result.output
    rows = list(artifacts.read(workplace / "data/labels/people.jsonl", CheckedLabel))
    assert len(rows) == 6 and all(row.reason == "" for row in rows)
    result = call(workplace, "report")
    assert result.exit_code == 0, result.output
    page = (workplace / "data/report/index.html").read_text()
    assert "The judge against people" in page and found["prompt"] in page
    assert "no rate is corrected: sensitivity and specificity add up to 1 or less" in page


@pytest.mark.parametrize(
    ("field", "value", "failed"),
    [
        ("quality", 9, "quality"),
        ("prompt", "no hash", "prompt"),
        ("labeller", " ", "labeller"),
        ("reason", "x", "reason"),
    ],
)
def test_an_artifact_that_is_no_labels_is_refused(
    workplace: Path, field: str, value: object, failed: str  # noqa: F811
) -> None:  # fmt: skip
    row = {
        "id": "it/q0/0/me/1", "benchmark": "seqeval", "run": "it", "answer": "q0/0", "labeller": "me",
        "prompt": "f" * 16, "texts": "0" * 32, "following": True, "quality": None, "reason": "",
    }  # fmt: skip
    (workplace / "data/labels").mkdir(parents=True)
    path = workplace / "data/labels/people.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert call(workplace, "validate", "labels", "people", "--suite", "labels").exit_code == 0
    path.write_text(json.dumps(row | {field: value}) + "\n")
    result = call(workplace, "validate", "labels", "people", "--suite", "labels")
    assert result.exit_code == 2 and failed in result.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no label; `seqit label people` writes them"),
        ("{}\n", "labels/people.jsonl:1: "),
        ("\0\n", "labels/people.jsonl:1: "),
    ],
)
def test_a_label_file_that_can_not_be_used_is_one_line(workplace: Path, content: str, told: str) -> None:  # noqa: F811
    answers(workplace, "ok")
    (workplace / "labels").mkdir()
    (workplace / LABELS).write_text(content)
    result = call(workplace, "calibrate", "people")
    assert result.exit_code == 2 and told in result.stderr and "Traceback" not in result.output
    assert not (workplace / "data/labels").exists()
