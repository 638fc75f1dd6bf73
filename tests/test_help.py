"""The help of the commands: called by their right names, with every argument explained."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "usage", "told"),
    [
        ("rewrite", "python -m stages.rewrite [OPTIONS] NAME", "An entry of `rewrite.rounds` in params.yaml"),
        ("fetch model", "python -m stages.fetch model [OPTIONS] NAME", "An entry of `fetch.models` or"),
        ("replies show", "python -m stages.replies show [OPTIONS] KEY", "A key from a record's steps"),
        ("use", "python -m stages use [OPTIONS] PROFILE", "paper or embedded"),
    ],
)
def test_help_says_what_is_called_and_what_an_argument_is(command: str, usage: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stages", *command.split(), "--help"],
        capture_output=True, text=True, env=os.environ | {"COLUMNS": "160"}, check=True,
    )  # fmt: skip
    assert f"Usage: {usage}" in done.stdout
    assert told in done.stdout
