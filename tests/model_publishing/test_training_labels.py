"""The tokens that a published template marks are those that Axolotl trained on."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from stages.core import artifacts
from stages.model_publishing.marked_template import marked
from stages.training.axolotl_config import axolotl_config, environment_variables
from stages.training.environment import training_python
from tests.inference import tiny
from tests.inference.axolotl_environment import ENVIRONMENT
from tests.model_publishing.test_marked_template import OURS
from tests.training.test_axolotl import RECIPE, SPECIALS

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_marked_are_the_tokens_that_were_trained_on(tmp_path: Path) -> None:
    base = tiny.model(tmp_path / "base")
    templates = {
        "own": tiny.CHATML,
        **{name: OURS[name].removeprefix("{{ bos_token }}") for name in ("tulu", "alpaca")},
    }
    for name, template in templates.items():
        (folder := tmp_path / name).mkdir()
        artifacts.write(folder / "rows.jsonl", tiny.rows()[:-1])
        (folder / "axolotl.yml").write_text(
            yaml.safe_dump(axolotl_config(RECIPE, 42, template, SPECIALS, str(base), 23))
        )
        (folder / "marked.jinja").write_text(marked(template))
    python = str(training_python(ENVIRONMENT))
    clean = {"PATH": os.environ["PATH"], "HF_HOME": str(tmp_path), **environment_variables(RECIPE)}
    labels = [python, str(TESTS / "training/labels.py"), str(tmp_path / "labels.jsonl")]
    subprocess.run([*labels, *(str(tmp_path / name) for name in templates)], env=clean, check=True, capture_output=True)
    pairs = [str(tmp_path / name / file) for name in templates for file in ("marked.jinja", "rows.jsonl")]
    masks = [python, str(TESTS / "model_publishing/masks.py"), str(base), *pairs]
    said = subprocess.run(masks, env=clean, check=True, capture_output=True, text=True).stdout
    trained = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    for learned, made in zip(trained, map(json.loads, said.splitlines()), strict=True):
        expected = sorted([row["input_ids"], [int(label != -100) for label in row["labels"]]] for row in learned)
        assert sorted(made) == expected
        assert any(inside for _, mask in made for inside in mask)
