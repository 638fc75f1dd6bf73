"""Rewards: the signature that TRL calls, the share of satisfied checks, and no need of the pipeline."""

import json
import subprocess
import sys

import msgspec
import pytest

from stages.verified.rewards import all_satisfied, reward, satisfied_share
from stages.verified.sequence_generation import Settings, sequences

UPPER = {"name": "case.upper", "arguments": {}}
SHORT = {"name": "words.at_most", "arguments": {"n": 2}}
BOTH = json.dumps([UPPER, SHORT])


@pytest.mark.parametrize(
    ("text", "share"),
    [("GO ON", 1.0), ("go on", 0.5), ("go on and on", 0.0), ("", 0.0), ("<think>no, wait</think>\nGO ON", 1.0)],
)
def test_the_share_of_satisfied_checks(text: str, share: float) -> None:
    assert reward(text, BOTH) == share
    assert satisfied_share([text], [BOTH], prompts=["x"], completion_ids=[[1]], trainer_state=None) == [share]
    assert satisfied_share([[{"role": "assistant", "content": text}]], [BOTH]) == [share]
    assert all_satisfied([text], [BOTH], language=["en"]) == [float(share == 1)]


def test_no_completion_and_no_checks_earn_nothing() -> None:
    assert satisfied_share([[], [{"role": "assistant", "content": None}]], [BOTH, BOTH]) == [0.0, 0.0]
    assert reward("GO", "[]") == 0.0


@pytest.mark.parametrize("checks", ["", "{}", "[1]", '[{"name": "words.most", "arguments": {}}]'])
def test_checks_that_are_none_are_refused(checks: str) -> None:
    with pytest.raises(ValueError, match="check"):
        reward("text", checks)


def test_tasks_of_verified_sequences_are_rewarded_one_by_one() -> None:
    for row in sequences(4, 30, Settings(lengths=(3,))):
        tasks = msgspec.to_builtins(row.checks)
        checks = json.dumps([{"name": "tasks", "arguments": {"tasks": tasks}}])
        lines = row.response.split("\n")
        assert reward(row.response, checks) == 1.0
        assert reward("\n".join(lines[:2]), checks) == pytest.approx(2 / 3)
        assert reward("", checks) == 0.0


def test_it_imports_nothing_of_the_pipeline() -> None:
    code = (
        "import sys, stages.verified.rewards; print(sorted(name for name in sys.modules if name.startswith('stages.')"
        " and not name.startswith(('stages.verified', 'stages.core'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
