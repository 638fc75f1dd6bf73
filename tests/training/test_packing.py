"""Packed rows, as Axolotl computes them on a CPU."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from stages.core import artifacts
from stages.training.axolotl_config import axolotl_config, environment_variables
from stages.training.chat_rendering import Specials
from stages.training.environment import training_python
from tests.inference import tiny
from tests.inference.axolotl_environment import ENVIRONMENT
from tests.training.trainings import RECIPE

SPECIALS = Specials("<|im_start|>", "<|im_end|>", "<|endoftext|>", tuple(sorted(tiny.SPECIALS)), leading_bos=False)


@pytest.mark.slow
def test_a_row_does_not_attend_to_the_rows_packed_with_it(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update=dict(packing=True, batch=2, micro_batch=2))
    base = tiny.model(tmp_path / "tiny")
    artifacts.write(tmp_path / "rows.jsonl", tiny.rows()[:-1])
    config = axolotl_config(recipe, 42, tiny.CHATML, SPECIALS, str(base), 23)
    (tmp_path / "axolotl.yml").write_text(yaml.safe_dump(config))
    script = [str(training_python(ENVIRONMENT)), str(Path(__file__).parent / "packed_logits.py")]
    clean = {"PATH": os.environ["PATH"], "HF_HOME": str(tmp_path), **environment_variables(recipe)}
    done = subprocess.run(script, env=clean, cwd=tmp_path, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert sum(result["rows"]) > 15 and max(result["rows"]) > 5
    assert result["apart"] < 1e-5, "the same logits as alone"
    assert result["together"] > 0.01, "which are others where rows attend to each other"
