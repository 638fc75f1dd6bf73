"""Recipes as Axolotl configurations."""

import json
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.params.training_sections import Recipe
from stages.training.axolotl_config import (
    axolotl_config,
    cpu_features,
    environment_variables,
    steps,
    with_precision,
)
from stages.training.chat_rendering import Specials
from tests.inference.axolotl_environment import run

SPECIALS = Specials("<s>", "</s>", "", ("</s>", "<s>"), leading_bos=True)
SMALL = Recipe(
    template="own", epochs=1, batch=8, micro_batch=4, learning_rate=1e-4, scheduler="linear", warmup_ratio=0.03,
    weight_decay=0.0, max_length=512, precision="float32", saves=4, threads=2, launcher="python",
    devices=0, packing=False, checkpointing=False, sharding="none",
)  # fmt: skip
PAPER = SMALL.model_copy(
    update={
        "template": "tulu", "epochs": 3, "batch": 128, "micro_batch": 2, "learning_rate": 2e-5, "max_length": 2048,
        "precision": "bfloat16", "saves": 1, "launcher": "accelerate", "devices": 8, "checkpointing": True,
        "sharding": "fsdp",
    }
)  # fmt: skip


def config(recipe: Recipe, rows: int = 64) -> dict[str, Any]:
    return axolotl_config(recipe, 42, "{{ messages }}", SPECIALS, "/models/x", rows)


def test_the_papers_recipe() -> None:
    expected = {
        "num_epochs": 3, "micro_batch_size": 2, "gradient_accumulation_steps": 8, "optimizer": "adamw_torch_fused",
        "learning_rate": 2e-5, "lr_scheduler": "linear", "warmup_ratio": 0.03, "weight_decay": 0.0,
        "sequence_len": 2048, "bf16": True, "train_on_inputs": False, "attn_implementation": "flash_attention_2",
        "gradient_checkpointing": True, "fsdp_version": 2, "max_steps": 3 * 407, "save_steps": 407, "seed": 42,
    }  # fmt: skip
    made = config(PAPER, rows=52_002)
    assert {key: made[key] for key in expected} == expected
    assert "load_in_8bit" not in made and "adapter" not in made


def test_loss_is_on_every_assistant_turn_and_its_end() -> None:
    [source] = config(SMALL)["datasets"]
    assert (source["roles_to_train"], source["train_on_eos"]) == (["assistant"], "turn")


def test_no_token_is_added_for_padding() -> None:
    assert config(SMALL)["special_tokens"] == {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"bf16": False, "attn_implementation": "sdpa", "dataloader_pin_memory": False}),
        (
            {"precision": "bfloat16"},
            {"bf16": False, "attn_implementation": "sdpa", "plugins": ["cpu_precision_plugin.CpuBfloat16"]},
        ),
        ({"precision": "bfloat16", "devices": 1}, {"bf16": True, "attn_implementation": "flash_attention_2"}),
        ({"devices": 1}, {"bf16": False, "attn_implementation": "sdpa", "tf32": True}),
        ({"scheduler": "constant"}, {"lr_scheduler": "constant_with_warmup"}),
    ],
)
def test_hardware(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    made = config(SMALL.model_copy(update=changes))
    assert {key: made[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"batch": 6}, "batch 6 is no multiple of micro_batch x devices = 4"),
        ({"devices": 4, "launcher": "accelerate"}, "batch 8 is no multiple of micro_batch x devices = 16"),
        ({"packing": True}, "packing needs a GPU"),
        ({"devices": 2, "micro_batch": 2}, "drives one device"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        config(SMALL.model_copy(update=changes))


@pytest.mark.parametrize(
    ("rows", "batch", "epochs", "expected"),
    [(64, 8, 1, 8), (65, 8, 1, 9), (200, 128, 3, 6), (1, 8, 1, 1), (64, 8, 0.5, 4)],
)
def test_steps(rows: int, batch: int, epochs: float, expected: int) -> None:
    assert steps(SMALL.model_copy(update=dict(batch=batch, epochs=epochs)), rows) == expected


@given(st.integers(1, 10_000), st.sampled_from([4, 8, 128]), st.integers(1, 4), st.integers(1, 8))
def test_every_row_is_seen_and_there_are_about_as_many_saves_as_asked(
    rows: int, batch: int, epochs: int, saves: int
) -> None:
    recipe = SMALL.model_copy(update=dict(batch=batch, epochs=epochs, saves=saves))
    made = config(recipe, rows)
    assert made["max_steps"] * batch >= rows * epochs
    assert made["max_steps"] == epochs * ceil(rows / batch)
    assert ceil(made["max_steps"] / made["save_steps"]) <= saves * epochs


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({}, "CUDA_VISIBLE_DEVICES", ""),
        ({}, "OMP_NUM_THREADS", "2"),
        ({}, "OMP_WAIT_POLICY", "PASSIVE"),
        ({"devices": 1}, "OMP_WAIT_POLICY", None),
        ({"devices": 1}, "CUDA_VISIBLE_DEVICES", None),
        ({"devices": 1}, "AXOLOTL_DO_NOT_TRACK", "1"),
    ],
)
def test_environment(changes: dict[str, Any], name: str, expected: str | None) -> None:
    assert environment_variables(SMALL.model_copy(update=changes)).get(name) == expected


@pytest.mark.parametrize(
    ("precision", "devices", "flags", "expected"),
    [
        ("native", 0, {"avx512_bf16", "sse"}, "bfloat16"),
        ("native", 0, {"amx_bf16"}, "bfloat16"),
        ("native", 0, {"avx2", "avx512f"}, "float32"),
        ("native", 0, set(), "float32"),
        ("native", 1, set(), "bfloat16"),
        ("float32", 0, {"avx512_bf16"}, "float32"),
        ("bfloat16", 0, set(), "bfloat16"),
    ],
)
def test_native_precision_is_the_fastest_of_the_hardware(
    precision: Any, devices: int, flags: set[str], expected: str
) -> None:
    recipe = SMALL.model_copy(update={"precision": precision, "devices": devices})
    assert with_precision(recipe, flags).precision == expected


def test_the_features_of_a_cpu_are_read_from_linux(tmp_path: Path) -> None:
    (tmp_path / "x86").write_text("processor\t: 0\nflags\t\t: fpu avx512_bf16\nbugs\t: x\n")
    (tmp_path / "arm").write_text("Features\t: fp bf16\n")
    assert "avx512_bf16" in cpu_features(tmp_path / "x86") and "bf16" in cpu_features(tmp_path / "arm")
    assert cpu_features(tmp_path / "none") == set()


VALIDATE = """
import json, sys
from axolotl.utils.config import validate_config
from axolotl.utils.dict import DictDefault
config, gpu = map(json.loads, sys.argv[1:])
accepted = validate_config(DictDefault(config), capabilities=gpu, env_capabilities={"torch_version": "2.13.0"})
print("\\n" + json.dumps(accepted.to_dict(), default=str), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [SMALL, PAPER, PAPER.model_copy(update=dict(packing=True, sharding="none"))])
def test_axolotl_accepts_the_configuration(recipe: Recipe) -> None:
    gpu = {
        "bf16": True,
        "fp8": False,
        "tf32": True,
        "n_gpu": recipe.devices or 1,
        "n_node": 1,
        "compute_capability": "sm_90",
    }
    accepted = json.loads(run(VALIDATE, json.dumps(config(recipe)), json.dumps(gpu)).splitlines()[-1])
    for key, value in config(recipe).items():
        if key not in ("datasets", "fsdp_config"):
            assert accepted[key] == value, key
