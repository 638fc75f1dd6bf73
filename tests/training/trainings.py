"""Trainings of a tiny model in processes of their own, which a test can kill."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stages.params.training_sections import Recipe

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(
    template="own", epochs=2, batch=8, micro_batch=4, learning_rate=1e-3, scheduler="linear", warmup_ratio=0.03,
    weight_decay=0.0, max_length=256, precision="float32", saves=3, threads=1, launcher="python",
    devices=0, packing=False, checkpointing=False, sharding="none",
)  # fmt: skip
SCRIPT = """
import sys
from pathlib import Path
import msgspec
from stages.training import axolotl_run
from stages.params.training_sections import Recipe
from tests.inference import tiny
from tests.inference.axolotl_environment import ENVIRONMENT
recipe = Recipe.model_validate_json(sys.argv[1])
live = Path(sys.argv[4]) if sys.argv[4:] else None
told = axolotl_run.train("it", recipe, 42, Path(sys.argv[2]), tiny.rows(), Path(sys.argv[3]), ENVIRONMENT, live)
print(msgspec.json.encode([told.metrics, told.curve]).decode())
"""


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(
    base: Path, out: Path, cache: Path, recipe: Recipe = RECIPE, live: Path | None = None, **variables: str
) -> "subprocess.Popen[str]":
    """A training that goes on beside the test, with these environment variables."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(base), str(out), *([str(live)] if live else [])],
        cwd=ROOT,
        env={**os.environ, "SEQIT_CACHE": str(cache), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process: "subprocess.Popen[str]", folder: Path, pattern: str) -> None:
    """Until there is such a file; fails if the process ends before."""
    while not list(folder.glob(pattern)):
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"ended with {process.wait(0.02)} before it wrote {pattern}: {process.communicate()[1]}")


def finish(process: "subprocess.Popen[str]") -> list[Any]:
    """Its metrics and its curve. Fails if it failed."""
    output, complained = process.communicate()
    assert process.returncode == 0, complained
    told: list[Any] = json.loads(output)
    return told
