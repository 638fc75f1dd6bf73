"""Keys of Axolotl's configuration that `train.settings.extra` may add, and those that it may not, with the reason."""

from collections.abc import Mapping
from typing import Any

from stages.core.errors import UserError

REPLACED = frozenset(
    {"attn_implementation", "lr_scheduler", "fsdp_config", "tf32", "dataset_num_proc", "dataloader_num_workers",
     "dataloader_pin_memory", "gradient_checkpointing", "deepspeed"}
)  # fmt: skip
"""Keys that seqit sets and `extra` may set otherwise: the recipe has fewer values for them than Axolotl."""
OURS = {
    "num_epochs": "epochs", "micro_batch_size": "micro_batch", "gradient_accumulation_steps": "batch",
    "batch_size": "batch", "optimizer": "optimizer", "learning_rate": "learning_rate", "warmup_ratio": "warmup_ratio",
    "warmup_steps": "warmup_ratio", "weight_decay": "weight_decay", "sequence_len": "max_length",
    "bf16": "precision", "fp16": "precision", "bfloat16": "precision", "float16": "precision",
    "sample_packing": "packing", "pad_to_sequence_len": "packing", "adapter": "adapter", "load_in_4bit": "adapter",
    "lora_r": "lora.rank", "lora_alpha": "lora.alpha", "lora_dropout": "lora.dropout",
    "lora_target_modules": "lora.targets", "lora_target_linear": "lora.targets", "unfrozen_parameters": "unfrozen",
    "max_steps": "epochs", "save_steps": "saves", "saves_per_epoch": "saves", "chat_template": "template",
    "chat_template_jinja": "template", "train_on_inputs": "loss", "val_set_size": "validation.share",
    "test_datasets": "validation.share", "eval_steps": "validation.evaluations",
    "evals_per_epoch": "validation.evaluations", "eval_strategy": "validation.evaluations",
    "eval_batch_size": "micro_batch", "early_stopping_patience": "validation.patience",
    "load_best_model_at_end": "validation.keep", "metric_for_best_model": "validation.keep",
    "greater_is_better": "validation.keep", "fsdp": "sharding", "fsdp_version": "sharding",
    "context_parallel_size": "context_parallel", "sequence_parallel_degree": "context_parallel",
    "cut_cross_entropy": "cut_cross_entropy", "use_wandb": "report_to", "use_mlflow": "report_to",
    "use_tensorboard": "report_to", "use_trackio": "report_to", "processor_type": "template",
}  # fmt: skip
"""Axolotl's key -> that of the recipe which sets it."""
REASONS = {
    **dict.fromkeys(("base_model", "base_model_config", "tokenizer_config"), "the model is that of the run"),
    **dict.fromkeys(
        ("datasets", "dataset_prepared_path", "skip_prepare_dataset", "remove_unused_columns", "special_tokens",
         "tokens", "shuffle_merged_datasets", "dataset_exact_deduplication", "excess_length_strategy",
         "added_tokens_overrides", "resize_token_embeddings_to_32x"),
        "rows, template and tokens are what seqit formatted and checked",
    ),
    **dict.fromkeys(
        ("output_dir", "save_strategy", "save_total_limit", "save_only_model", "save_safetensors", "save_first_step",
         "resume_from_checkpoint", "auto_resume_from_checkpoints", "lora_model_dir", "merge_lora", "strict"),
        "an interrupted run resumes from checkpoints that seqit names and checks",
    ),
    "seed": "the seed is that of the run or of the experiment",
    "logging_steps": "the loss of every step is a metric",
    **dict.fromkeys(
        ("rl", "reward_model", "process_reward_model", "pretraining_dataset", "streaming", "reinit_weights"),
        "seqit trains on responses, and nothing else",
    ),
    **dict.fromkeys(
        ("hub_model_id", "hub_strategy", "hub_revision", "push_dataset_to_hub", "hf_use_auth_token"),
        "training sends nothing to the Hub",
    ),
    **dict.fromkeys(
        ("device", "device_map", "world_size", "local_rank", "use_ray", "ray_num_workers", "resources_per_worker"),
        "devices and launcher decide it",
    ),
    **dict.fromkeys(("comet_api_key", "use_otel_metrics"), "report_to names the trackers, the environment their keys"),
}  # fmt: skip


def with_extra(config: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the keys of `extra`; `plugins` are added to those that are there.

    Raises UserError for a key that seqit sets itself, with the reason. Whether Axolotl knows a key, and takes its
    value, its own schema says (`schema_check`).
    """
    for key in extra:
        if key in OURS:
            raise UserError(
                f"params.yaml: train.settings.extra.{key}: is set by train.settings.{OURS[key]}; write it there"
            )
        if key in REASONS or (key in config and key not in REPLACED | {"plugins"}):
            reason = REASONS.get(key, "seqit sets it itself")
            raise UserError(f"params.yaml: train.settings.extra.{key}: {reason}; remove it")
    plugins = [*config.get("plugins", []), *_plugins(extra)]
    return {**config, **extra, **({"plugins": plugins} if plugins else {})}


def _plugins(extra: Mapping[str, Any]) -> list[str]:
    plugins = extra.get("plugins", [])
    if not isinstance(plugins, list) or not all(isinstance(one, str) for one in plugins):
        raise UserError(
            "params.yaml: train.settings.extra.plugins: is no list of names; write [axolotl.integrations.…]"
        )
    return plugins
