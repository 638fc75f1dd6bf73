"""What a recipe may leave at its defaults, as keys of Axolotl: adapters, sharding, kernels, validation.

Keys are those of https://docs.axolotl.ai/docs/config-reference.html. At its defaults a recipe adds no key, so that its
configuration, and with it the folder of its checkpoints, is that of earlier versions.
"""

from typing import Any

from stages.core.errors import UserError
from stages.params.training_sections import Recipe

LIGER_PLUGIN = "axolotl.integrations.liger.LigerPlugin"
LORA_KERNELS = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel")
CUT_CROSS_ENTROPY_PLUGIN = "axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"


def check(recipe: Recipe, accepts_images: bool) -> None:
    """Raise UserError for options that contradict each other, the hardware or the model, naming what to change."""
    for wrong, complaint in [*_hardware_mistakes(recipe), *_contradictions(recipe), *_image_mistakes(recipe)]:
        if wrong and (accepts_images or not complaint.endswith(FOR_IMAGES)):
            raise UserError(f"params.yaml: train.settings.{complaint}")


FOR_IMAGES = "for a model that takes images"


def _hardware_mistakes(recipe: Recipe) -> list[tuple[bool, str]]:
    cpu = recipe.devices == 0
    return [
        (cpu and recipe.adapter == "qlora", "adapter qlora needs a GPU; set devices, or adapter to lora"),
        (cpu and recipe.liger, "liger needs a GPU; set devices, or liger to false"),
        (cpu and recipe.cut_cross_entropy, "cut_cross_entropy needs a GPU; set devices, or cut_cross_entropy to false"),
        (
            cpu and recipe.sharding.startswith("zero"),
            f"sharding {recipe.sharding} needs GPUs; set devices, or sharding to none",
        ),
        (
            recipe.context_parallel > 1 and (cpu or recipe.devices % recipe.context_parallel > 0),
            f"context_parallel {recipe.context_parallel} needs a number of GPUs that is a multiple of it; "
            f"devices is {recipe.devices}",
        ),
    ]


def _contradictions(recipe: Recipe) -> list[tuple[bool, str]]:
    validation = recipe.validation
    return [
        (recipe.adapter != "none" and bool(recipe.unfrozen), "unfrozen has no effect with an adapter; set it to []"),
        (
            recipe.adapter == "qlora" and recipe.sharding == "zero3",
            "sharding zero3 can't split weights of 4 bits; set it to zero2 or fsdp",
        ),
        (
            validation.share == 0 and (validation.keep == "best" or validation.patience is not None),
            "validation.share is 0, so there is no validation loss for keep and patience; set a share",
        ),
        (
            validation.patience is not None and validation.keep == "last",
            "validation.patience needs keep: best; after an early stop the last weights are worse ones",
        ),
    ]


def _image_mistakes(recipe: Recipe) -> list[tuple[bool, str]]:
    return [
        (recipe.packing, f"packing must be false {FOR_IMAGES}"),
        (recipe.loss == "last", f"loss must be all {FOR_IMAGES}"),
        (recipe.adapter != "none", f"adapter must be none {FOR_IMAGES}"),
        (recipe.validation.share > 0, f"validation.share must be 0 {FOR_IMAGES}"),
    ]


def options(recipe: Recipe) -> dict[str, Any]:
    """The keys of everything but plugins; none for a recipe at its defaults."""
    return {
        **_adapter(recipe),
        **_deepspeed(recipe.sharding),
        **({"context_parallel_size": recipe.context_parallel} if recipe.context_parallel > 1 else {}),
        **_kernels(recipe),
        **_validation(recipe),
    }


def integrations(recipe: Recipe) -> list[str]:
    """The plugins of Axolotl that the recipe needs."""
    return [LIGER_PLUGIN] * recipe.liger + [CUT_CROSS_ENTROPY_PLUGIN] * recipe.cut_cross_entropy


def _adapter(recipe: Recipe) -> dict[str, Any]:
    if recipe.adapter == "none":
        return {}
    lora = recipe.lora
    targets: dict[str, Any] = (
        {"lora_target_modules": list(lora.targets)} if lora.targets else {"lora_target_linear": True}
    )
    return {
        "adapter": recipe.adapter,
        "lora_r": lora.rank,
        "lora_alpha": int(lora.alpha) if float(lora.alpha).is_integer() else lora.alpha,
        "lora_dropout": lora.dropout,
        **targets,
        **({"load_in_4bit": True} if recipe.adapter == "qlora" else {}),
        # Axolotl turns its kernels on by itself, also on a CPU, where they fail.
        **({} if recipe.devices else dict.fromkeys(LORA_KERNELS, False)),
    }


def _kernels(recipe: Recipe) -> dict[str, Any]:
    liger = {
        "liger_rope": True, "liger_rms_norm": True, "liger_glu_activation": True,
        # Only one of the two replaces the loss.
        "liger_fused_linear_cross_entropy": not recipe.cut_cross_entropy,
    }  # fmt: skip
    return {**(liger if recipe.liger else {}), **({"cut_cross_entropy": True} if recipe.cut_cross_entropy else {})}


def _deepspeed(sharding: str) -> dict[str, Any]:
    """DeepSpeed's configuration; "auto" is what Transformers fills in (https://www.deepspeed.ai/docs/config-json/)."""
    if not sharding.startswith("zero"):
        return {}
    stage = int(sharding.removeprefix("zero"))
    optimization: dict[str, Any] = {"stage": stage, "overlap_comm": True, "contiguous_gradients": True}
    if stage == 3:  # the final weights are collected on one process, which writes them as one model
        optimization |= {"stage3_gather_16bit_weights_on_model_save": True}
    filled = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")
    return {
        "deepspeed": {
            "zero_optimization": optimization, "bf16": {"enabled": "auto"}, **dict.fromkeys(filled, "auto"),
        }
    }  # fmt: skip


def _validation(recipe: Recipe) -> dict[str, Any]:
    validation = recipe.validation
    if not validation.share:
        return {}
    best = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": False}
    return {
        "eval_batch_size": recipe.micro_batch,
        # A small validation set may not fill one packed sequence. Axolotl would then also drop the last training batch.
        **({"eval_sample_packing": False, "dataloader_drop_last": False} if recipe.packing else {}),
        **(best if validation.keep == "best" else {}),
        **({"early_stopping_patience": validation.patience} if validation.patience else {}),
    }
