"""The help of the commands: called by their right names, with every argument explained."""

import os
import subprocess
import sys

import pytest
import typer

# In an environment made before Typer 0.29 was asked for, arguments have no help: `make env` makes it anew.
pytestmark = pytest.mark.skipif(typer.__version__ < "0.29", reason="this environment is older than pyproject.toml")


@pytest.mark.parametrize(
    ("command", "usage", "told"),
    [
        ("rewrite", "python -m stages.rewrite [OPTIONS] {name}", "An entry of `rewrite.corpora` or"),
        ("fetch model", "python -m stages.fetch model [OPTIONS] {name}", "An entry of `fetch.models` or"),
        ("replies show", "python -m stages.replies show [OPTIONS] {key}", "A key from a record's steps"),
        ("use", "python -m stages use [OPTIONS] {profile}", "embedded, full or paper"),
    ],
)
def test_help_says_what_is_called_and_what_an_argument_is(command: str, usage: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stages", *command.split(), "--help"],
        capture_output=True, text=True, env=os.environ | {"COLUMNS": "160"}, check=True,
    )  # fmt: skip
    assert f"Usage: {usage}" in done.stdout
    assert told in done.stdout


def test_the_console_script_is_called_by_its_name() -> None:
    script = "import sys; sys.argv[0] = '/bin/seqit'; from stages.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "new", "--help"],
        capture_output=True, text=True, env=os.environ | {"COLUMNS": "160"}, check=True,
    )  # fmt: skip
    assert "Usage: seqit new [OPTIONS]" in done.stdout
