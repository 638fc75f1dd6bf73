"""What Axolotl's own schema says of `extra`, before anything runs."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.params.training_sections import Recipe
from stages.training import config_check
from stages.training.axolotl_config import axolotl_config
from stages.training.chat_rendering import Specials
from tests.inference.axolotl_environment import run
from tests.training.trainings import RECIPE

SPECIALS = Specials("<s>", "</s>", "", ("</s>", "<s>"), leading_bos=True)
GPU = {"devices": 1, "precision": "bfloat16"}
CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"extra": {"neftune_noise_alpha": 5, "lr_scheduler": "rex", "torch_compile": False}}, {}),
    (
        {"extra": {"neftune_noise_alfa": 5}},
        {"key": "neftune_noise_alfa", "problem": "is no key of Axolotl's configuration; did you mean neftune_noise_al"},
    ),
    ({"extra": {"adam_beta1": "high"}}, {"key": "adam_beta1", "problem": "valid number"}),
    ({"extra": {"fsdp_config": {"offload": True}}}, {"key": "fsdp_config", "problem": "fsdp_config.offload is no key"}),
    ({"extra": {"plugins": ["axolotl.integrations.nothing.X"]}}, {"key": "plugins", "problem": "can't be loaded"}),
    ({"extra": {"plugins": ["axolotl.integrations.liger.LigerPlugin"], "liger_rope": True}, **GPU}, {}),
    ({"optimizer": "adamw_nonsense"}, {"problem": "adamw_nonsense"}),
    ({**GPU, "adapter": "qlora"}, {}),
    ({**GPU, "liger": True}, {}),
    ({**GPU, "devices": 2, "launcher": "accelerate", "sharding": "zero2"}, {}),
    ({"validation": {"share": 0.1, "keep": "best", "patience": 2, "evaluations": 1}}, {}),
    ({"loss": "last", "packing": True}, {}),
]  # fmt: skip
SCRIPT = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("schema_check", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
answers = [module.problem(asked) for asked in json.loads(sys.argv[2])]
print("\\n" + json.dumps(answers), flush=True)
"""


def asked(changes: dict[str, Any]) -> dict[str, Any]:
    recipe = Recipe.model_validate({**RECIPE.model_dump(), **changes})
    config = axolotl_config(recipe, 42, "{{ messages }}", SPECIALS, "/models/x", 64)
    return {"config": config, "extra": list(recipe.extra), "gpus": recipe.devices}


@pytest.mark.slow
def test_axolotl_takes_what_it_knows_and_names_what_it_does_not() -> None:
    """One process for all, since Axolotl takes 10 s to load."""
    given = json.dumps([asked(changes) for changes, _ in CASES])
    answers = json.loads(run(SCRIPT, str(config_check.SCRIPT), given).splitlines()[-1])
    for (changes, expected), answer in zip(CASES, answers, strict=True):
        assert answer.get("key", "") == expected.get("key", answer.get("key", "")), changes
        assert expected.get("problem", "") in answer.get("problem", ""), changes
        assert bool(answer) == bool(expected), (changes, answer)


def answering(folder: Path, answer: str) -> Path:
    """A Python that answers so."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\necho 'noise of loading'\ncat <<'END'\n{answer}\nEND\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (r'{"key": "adam_beta1", "problem": "no\u001bnumber\nat all"}', "settings.extra.adam_beta1: no number at all"),
        ('{"key": "optimizer", "problem": "unknown"}', "params.yaml: train.settings: unknown"),
        ("no JSON", "can.t load Axolotl.s schema"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line(tmp_path: Path, answer: str, complaint: str) -> None:
    recipe = RECIPE.model_copy(update={"extra": {"adam_beta1": 1}})
    with pytest.raises(UserError, match=complaint) as told:
        config_check.check_config({}, recipe, answering(tmp_path, answer))
    assert "\n" not in str(told.value)


def test_a_package_that_is_missing_is_named() -> None:
    python = Path(sys.executable)
    config_check.require_packages(RECIPE, python)
    with pytest.raises(UserError, match=r"has no wandb, which the recipe needs; .* -m pip install wandb"):
        config_check.require_packages(RECIPE.model_copy(update={"report_to": ["wandb"]}), python)
    config_check.require_packages(RECIPE.model_copy(update={"report_to": ["wandb"], "launcher": "render"}), python)


def test_nothing_is_asked_where_nothing_is_special() -> None:
    assert not config_check.needs_check(RECIPE)
    for changes in ({"extra": {"a": 1}}, {"optimizer": "muon"}, {"context_parallel": 2}):
        assert config_check.needs_check(RECIPE.model_copy(update=changes))
