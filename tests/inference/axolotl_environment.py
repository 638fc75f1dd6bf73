"""The Python that has Axolotl: .venv-train of this checkout, which `make test` makes, else that of the tests."""

import subprocess
from pathlib import Path

from stages.training.environment import training_python

FOLDER = Path(__file__).parents[2] / ".venv-train"
ENVIRONMENT = str(FOLDER) if FOLDER.exists() else None
"""What `train.environment` says in tests."""


def run(code: str, *arguments: str) -> str:
    """What Axolotl's Python prints for a program."""
    command = [str(training_python(ENVIRONMENT)), "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
