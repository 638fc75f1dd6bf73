"""Recipes as Axolotl configurations."""

import json
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.params.training_sections import Lora, Recipe, Validation
from stages.training.axolotl_config import (
    axolotl_config,
    cpu_features,
    environment_variables,
    steps,
    with_precision,
)
from stages.training.chat_rendering import Specials
from stages.training.extra_keys import REPLACED
from stages.training.run_folder import yaml_text
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


@pytest.mark.parametrize(
    ("recipe", "images", "expected"),
    [
        (SMALL, False, "f0cdc4b7b302adbce75ca8efb9d410a7"),
        (PAPER, False, "0adbd787a8026deb98ea389bc2ac6422"),
        (SMALL.model_copy(update={"precision": "bfloat16"}), False, "5719149abad66b9d663b94b4453318c1"),
        (PAPER.model_copy(update={"packing": True}), False, "18b0e1b456694c363afb09a42ced65b4"),
        (SMALL, True, "0cd89e6198d08bcdd0315a30975eb65b"),
    ],
)  # fmt: skip
def test_a_recipe_that_asks_for_nothing_new_renders_the_bytes_of_earlier_versions(
    recipe: Recipe, images: bool, expected: str
) -> None:
    """Its hash names the folder of a run's checkpoints, and another configuration may train other weights."""
    made = axolotl_config(recipe, 42, "{{ messages }}", SPECIALS, "/models/x", 64, images)
    assert sha256(yaml_text(made).encode()).hexdigest()[:32] == expected


GPU = {"devices": 1, "precision": "bfloat16"}
NO_KERNELS = dict.fromkeys(("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel"), False)
LORA = {"adapter": "lora", "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "lora_target_linear": True}


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        ({"adapter": "lora"}, {**LORA, **NO_KERNELS}),
        ({**GPU, "adapter": "qlora"}, {**LORA, "adapter": "qlora", "load_in_4bit": True}),
        (
            {**GPU, "adapter": "lora", "lora": Lora(targets=["q_proj"], rank=8, alpha=12.5)},
            {"adapter": "lora", "lora_r": 8, "lora_alpha": 12.5, "lora_dropout": 0.0,
             "lora_target_modules": ["q_proj"]},
        ),
        ({"optimizer": "adafactor"}, {"optimizer": "adafactor"}),
        ({**GPU, "devices": 2, "launcher": "accelerate", "context_parallel": 2}, {"context_parallel_size": 2}),
        (
            {**GPU, "liger": True},
            {"plugins": ["axolotl.integrations.liger.LigerPlugin"], "liger_rope": True, "liger_rms_norm": True,
             "liger_glu_activation": True, "liger_fused_linear_cross_entropy": True},
        ),
        (
            {**GPU, "cut_cross_entropy": True},
            {"plugins": ["axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"], "cut_cross_entropy": True},
        ),
        (
            {"validation": Validation(share=0.1, evaluations=2)},
            {"test_datasets": [{**config(SMALL)["datasets"][0], "path": "validation.jsonl", "split": "train"}],
             "eval_steps": 4, "eval_batch_size": 4},
        ),
        (
            {"validation": Validation(share=0.1, evaluations=2, keep="best", patience=3)},
            {"test_datasets": [{**config(SMALL)["datasets"][0], "path": "validation.jsonl", "split": "train"}],
             "eval_steps": 4, "save_steps": 4, "eval_batch_size": 4, "load_best_model_at_end": True,
             "metric_for_best_model": "eval_loss", "greater_is_better": False, "early_stopping_patience": 3},
        ),
        ({"loss": "last"}, {"datasets": [{"path": "rows.jsonl", "ds_type": "json", "type": "input_output"}]}),
        (
            {"extra": {"neftune_noise_alpha": 5, "lr_scheduler": "rex"}},
            {"neftune_noise_alpha": 5, "lr_scheduler": "rex"},
        ),
        ({"extra": {"plugins": ["axolotl.integrations.spectrum.SpectrumPlugin"]}},
         {"plugins": ["axolotl.integrations.spectrum.SpectrumPlugin"]}),
        ({"packing": True}, {"sample_packing": True, "pad_to_sequence_len": True, "saves_per_epoch": 4}),
    ],
)  # fmt: skip
def test_an_option_adds_its_keys_and_no_others(changes: dict[str, Any], added: dict[str, Any]) -> None:
    before = config(
        SMALL.model_copy(update={k: v for k, v in changes.items() if k in ("devices", "precision", "launcher")})
    )
    made = config(SMALL.model_copy(update=changes))
    assert {key: value for key, value in made.items() if before.get(key) != value} == {
        key: value for key, value in added.items() if before.get(key) != value
    } | ({"gradient_accumulation_steps": 2} if "context_parallel" in changes else {})


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_zero_shards_by_deepspeed_and_gathers_the_weights_at_the_end(stage: int) -> None:
    recipe = PAPER.model_copy(update={"sharding": f"zero{stage}"})
    made = config(recipe)
    assert made["deepspeed"]["zero_optimization"]["stage"] == stage and "fsdp_config" not in made
    assert ("stage3_gather_16bit_weights_on_model_save" in made["deepspeed"]["zero_optimization"]) == (stage == 3)


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ({"learning_rate": 1.0}, "extra.learning_rate: is set by train.settings.learning_rate; write it there"),
        ({"lora_r": 4}, "extra.lora_r: is set by train.settings.lora.rank"),
        ({"output_dir": "/"}, "extra.output_dir: an interrupted run resumes from checkpoints that seqit names"),
        ({"seed": 1}, "extra.seed: the seed is that of the run"),
        ({"datasets": []}, "extra.datasets: rows, template and tokens are what seqit formatted"),
        ({"hub_model_id": "a/b"}, "extra.hub_model_id: training sends nothing to the Hub; remove it"),
        ({"rl": "dpo"}, "extra.rl: seqit trains on responses"),
        ({"plugins": "x"}, "extra.plugins: is no list of names"),
    ],
)
def test_extra_may_not_override_what_seqit_decides(extra: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        config(SMALL.model_copy(update={"extra": extra}))


def test_every_key_of_a_configuration_is_ours_or_may_be_replaced() -> None:
    """So that a new key of seqit's own is not overridden without a word."""
    options = {"adapter": "lora", "validation": Validation(share=0.1, keep="best"), "packing": True}
    for key, value in config(PAPER.model_copy(update=options)).items():
        if key in REPLACED:
            assert config(PAPER.model_copy(update={"extra": {key: value}}))[key] == value
        elif key != "plugins":
            with pytest.raises(UserError, match=f"extra.{key}: "):
                config(PAPER.model_copy(update={**options, "extra": {key: value}}))


def test_what_is_not_for_a_model_that_takes_images_is_refused() -> None:
    for changes in ({"packing": True}, {"loss": "last"}, {"adapter": "lora"}, {"validation": Validation(share=0.1)}):
        with pytest.raises(UserError, match="for a model that takes images"):
            axolotl_config(SMALL.model_copy(update=changes), 42, "{{ messages }}", SPECIALS, "/models/x", 64, True)


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
        ({"adapter": "qlora"}, "adapter qlora needs a GPU"),
        ({"liger": True}, "liger needs a GPU"),
        ({"cut_cross_entropy": True}, "cut_cross_entropy needs a GPU"),
        ({"sharding": "zero2"}, "sharding zero2 needs GPUs"),
        ({"context_parallel": 2}, "context_parallel 2 needs a number of GPUs that is a multiple of it; devices is 0"),
        ({"adapter": "lora", "unfrozen": ["x"]}, "unfrozen has no effect with an adapter"),
        ({"devices": 1, "adapter": "qlora", "sharding": "zero3"}, "zero3 can't split weights of 4 bits"),
        ({"validation": Validation(keep="best")}, "validation.share is 0, so there is no validation loss"),
        ({"validation": Validation(share=0.1, patience=2)}, "validation.patience needs keep: best"),
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
@pytest.mark.parametrize(
    "recipe",
    [
        SMALL, PAPER, PAPER.model_copy(update=dict(packing=True, sharding="none")),
        PAPER.model_copy(update=dict(launcher="ray", nodes=2)),
    ],
)  # fmt: skip
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
