"""A recipe as an Axolotl configuration; the paper's (B.1 to B.3) is full-parameter, AdamW, loss on responses only."""

from collections.abc import Collection
from math import ceil
from pathlib import Path
from typing import Any

from stages.core.errors import UserError
from stages.params.training_sections import Recipe
from stages.training import recipe_options
from stages.training.chat_rendering import Specials
from stages.training.extra_keys import with_extra
from stages.training.processes import check_launcher, ray_options, with_own_rows

ROWS, VALIDATION_ROWS = "rows.jsonl", "validation.jsonl"
"""Files in a run's folder."""


def accumulation(recipe: Recipe) -> int:
    """Micro-batches of a device in one optimiser step. Raises UserError where they don't add up to `batch`."""
    together = recipe.micro_batch * with_own_rows(recipe)
    if recipe.batch % together:
        each = "processes" if recipe.processes > 1 else "devices"
        each += " x nodes" * (recipe.nodes > 1) + " / context_parallel" * (recipe.context_parallel > 1)
        raise UserError(
            f"params.yaml: train.settings.batch {recipe.batch} is no multiple of micro_batch x {each} = {together}; "
            "change one of them"
        )
    return recipe.batch // together


def steps(recipe: Recipe, rows: int) -> int:
    """Optimiser steps in which every row is seen `epochs` times; the last batch of an epoch may be smaller."""
    return max(1, ceil(ceil(rows / recipe.batch) * recipe.epochs))


def axolotl_config(
    recipe: Recipe, seed: int, template: str, specials: Specials, base: str, rows: int, accepts_images: bool = False
) -> dict[str, Any]:
    """The configuration of `axolotl train`, run in a folder that holds rows.jsonl with `rows` rows of `Row`.

    With `accepts_images`, rows are of `ImageRow`, and boundaries.py (`axolotl_plugin`) and boundaries.json are in the
    folder too. Where `plugins` names it, cpu_precision_plugin.py is.

    base: the base model's directory. The folder's name is a hash of all this, so that `prepared` and the checkpoints in
    `model` are never those of another set (Axolotl's own cache does not compare contents).
    """
    recipe_options.check(recipe, accepts_images)
    config = {
        "base_model": base,
        **_data(recipe, template, specials),
        **_schedule(recipe, rows),
        **_hardware(recipe),
        **(_image_options(recipe) if accepts_images else {}),
        **_plugins(recipe, accepts_images),
        **({"unfrozen_parameters": list(recipe.unfrozen)} if recipe.unfrozen else {}),
        **recipe_options.options(recipe),
        **ray_options(recipe),
        "sequence_len": recipe.max_length,
        "micro_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": accumulation(recipe),
        "optimizer": recipe.optimizer,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler": {"constant": "constant_with_warmup"}.get(recipe.scheduler, recipe.scheduler),
        "warmup_ratio": recipe.warmup_ratio,
        "weight_decay": recipe.weight_decay,
        "seed": seed % 2**31,
        "output_dir": "model",
        "logging_steps": 1,
    }
    return with_extra(config, recipe.extra)


def _data(recipe: Recipe, template: str, specials: Specials) -> dict[str, Any]:
    validation = recipe.validation.share > 0
    return {
        "datasets": [_source(recipe, ROWS)],
        **({"test_datasets": [{**_source(recipe, VALIDATION_ROWS), "split": "train"}]} if validation else {}),
        "chat_template": "jinja",
        "chat_template_jinja": template,
        "special_tokens": specials.named(),
        "train_on_inputs": False,
        "dataset_prepared_path": "prepared",
        "val_set_size": 0.0,
        "dataset_num_proc": 1,
        "dataloader_num_workers": 0,
    }


def _source(recipe: Recipe, path: str) -> dict[str, Any]:
    if recipe.loss == "last":  # rows are of `reply_segments.SegmentedRow`
        return {"path": path, "ds_type": "json", "type": "input_output"}
    fields = {"role": "role", "content": "content"}
    source = {"path": path, "ds_type": "json", "type": "chat_template", "field_messages": "messages"}
    return {**source, "message_property_mappings": fields, "roles_to_train": ["assistant"], "train_on_eos": "turn"}


def _image_options(recipe: Recipe) -> dict[str, Any]:
    # The model's processor reads images and renders rows batch by batch.
    return {
        "processor_type": "AutoProcessor", "skip_prepare_dataset": True, "remove_unused_columns": False,
    }  # fmt: skip


def _plugins(recipe: Recipe, accepts_images: bool) -> dict[str, Any]:
    names = [
        *(["boundaries.Boundaries"] if accepts_images else []),
        *(["cpu_precision_plugin.CpuBfloat16"] if cpu_bfloat16(recipe) else []),
        *(["processes_plugin.Processes"] if recipe.launcher == "torchrun" else []),
        *recipe_options.integrations(recipe),
    ]
    return {"plugins": names} if names else {}


def cpu_bfloat16(recipe: Recipe) -> bool:
    """Whether products are computed in bfloat16 on a CPU, for which Axolotl needs cpu_precision_plugin.py."""
    return not recipe.devices and recipe.precision == "bfloat16"


def with_precision(recipe: Recipe, cpu_flags: Collection[str]) -> Recipe:
    """The recipe with `native` replaced by the fastest precision of the hardware.

    bfloat16 on a GPU and on a CPU that multiplies bfloat16, float32 elsewhere.
    cpu_flags: the features of the CPU as Linux names them.
    """
    if recipe.precision != "native":
        return recipe
    fast = recipe.devices > 0 or bool(BFLOAT16_FLAGS & set(cpu_flags))
    return recipe.model_copy(update={"precision": "bfloat16" if fast else "float32"})


BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Features of x86-64 and arm64 CPUs that multiply bfloat16; without them it is emulated, slower than float32."""


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """The features of this CPU as Linux names them; none where the file is missing."""
    if not cpuinfo.exists():
        return set()
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()[1:]}


def _schedule(recipe: Recipe, rows: int) -> dict[str, Any]:
    validation = recipe.validation
    saves = validation.evaluations if validation.share and validation.keep == "best" else recipe.saves
    if recipe.packing:  # the number of steps is not known before rows are packed
        evaluations = {"evals_per_epoch": validation.evaluations} if validation.share else {}
        return {"num_epochs": recipe.epochs, "saves_per_epoch": saves, **evaluations, **_checkpointing()}
    total = steps(recipe, rows)
    # Axolotl would cut the epochs short: 200 rows in batches of 128 for 3 epochs are 6 steps here, 5 there.
    every = {"save_steps": _every(total, saves * recipe.epochs)}
    if validation.share:
        every |= {"eval_steps": _every(total, validation.evaluations * recipe.epochs)}
    return {"num_epochs": recipe.epochs, "max_steps": total, **every, **_checkpointing()}


def _every(total: int, times: float) -> int:
    return max(1, ceil(total / times))


def _checkpointing() -> dict[str, Any]:
    # Axolotl removes the old checkpoint only after the new one is complete, so one is enough.
    return {"save_total_limit": 1, "auto_resume_from_checkpoints": True}


def _hardware(recipe: Recipe) -> dict[str, Any]:
    gpu = recipe.devices > 0
    check_launcher(recipe)
    return {
        # On a CPU weights are float32 in any case; bfloat16 is then what products are computed in, see `_plugins`.
        "bf16": gpu and recipe.precision == "bfloat16",
        "fp16": False,
        "tf32": gpu,
        "attn_implementation": "flash_attention_2" if gpu and recipe.precision == "bfloat16" else "sdpa",
        "gradient_checkpointing": recipe.checkpointing,
        "sample_packing": recipe.packing,
        "pad_to_sequence_len": recipe.packing,
        "dataloader_pin_memory": gpu,
        **(_FSDP if recipe.sharding == "fsdp" else {}),
    }


_FSDP: dict[str, Any] = {
    "fsdp_version": 2,
    "fsdp_config": {
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "state_dict_type": "FULL_STATE_DICT",
        "reshard_after_forward": True,
        "cpu_ram_efficient_loading": True,
        "offload_params": False,
    },
}


_MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**26)}
"""glibc keeps freed memory for the next step; otherwise the kernel clears gigabytes of pages in each step."""


def environment_variables(recipe: Recipe) -> dict[str, str]:
    """The environment variables that Axolotl gets for this recipe."""
    quiet = {"AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    fixed = {**quiet, "PYTHONHASHSEED": "0"}
    if recipe.devices:
        return fixed
    # A thread that waits for another sleeps: spinning takes the core that the other one needs on a busy machine.
    threads = {
        "OMP_NUM_THREADS": str(recipe.threads), "MKL_NUM_THREADS": str(recipe.threads), "OMP_WAIT_POLICY": "PASSIVE"
    }  # fmt: skip
    return {**fixed, **_MALLOC, **threads, "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "1"}
