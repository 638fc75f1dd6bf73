"""An Axolotl plugin for every run: its progress as a file, no checkpoint beside the final weights, merged adapters.

This file is copied beside a run's configuration and imported by Axolotl from there, so it imports nothing of seqit.
Without an adapter or packing nothing in here changes a weight.
"""

import inspect
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from torch.utils.data import RandomSampler, Sampler
from transformers import TrainerCallback, set_seed

PROGRESS, TRAINED = "progress.jsonl", "trained.json"
NAMES = {
    "loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm", "eval_loss": "validation_loss",
    "train_tokens_per_second": "tokens_per_second",
}  # fmt: skip
"""What Transformers logs -> its name in progress.jsonl."""


class Run(BasePlugin):  # type: ignore[misc]
    """Listed under `plugins` in the configuration."""

    def register(self, cfg: Any) -> None:
        """Called first, with the configuration as it was read."""
        if cfg.get("use_trackio"):
            _make_trackio_fit()

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Seed the order of rows by which Axolotl estimates the number of packed batches, and with it that of steps."""
        if cfg.sample_packing:
            set_seed(cfg.seed)

    def pre_model_load(self, cfg: Any) -> None:
        """Seed the matrices of an adapter, which are drawn before Transformers sets the seed."""
        if cfg.adapter:
            set_seed(cfg.seed)

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Training arguments of Transformers that Axolotl has no keys for."""
        counted = {"include_num_input_tokens_seen": "non_padding"}
        if not cfg.test_datasets:
            return counted
        # A resumed run would evaluate once more than an uninterrupted one, and forget how long the loss has not fallen.
        return {**counted, "eval_on_start": False, "restore_callback_states_from_checkpoint": True}

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Order packed rows by seed and epoch, before the trainer asks for them."""
        if cfg.sample_packing:
            _order_by_epoch(trainer)

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Any]:
        """The callbacks of this plugin, which come after those of Transformers."""
        return [Progress(), *([] if cfg.load_best_model_at_end else [NoLastCheckpoint()])]

    def post_train_unload(self, cfg: Any) -> None:
        """Merge an adapter into the base model's weights, after the adapter was saved and the model left memory."""
        if cfg.adapter and int(cfg.local_rank or 0) == 0:
            merge(cfg)


def _make_trackio_fit() -> None:
    """Let `trackio.init` pass over arguments that it does not know.

    Transformers 5.16 gives it `bucket_id`, which came after the trackio that Axolotl 0.19 pins.
    """
    import trackio

    original, known = trackio.init, inspect.signature(trackio.init).parameters
    trackio.init = lambda **given: original(**{name: value for name, value in given.items() if name in known})


def merge(cfg: Any) -> None:
    """Write model/merged, as `axolotl merge-lora` does, which would need a second start of Axolotl."""
    from axolotl.cli.utils.lora_merge import merge_lora_sharded_efficient

    merge_lora_sharded_efficient(
        base_model_path=cfg.base_model,
        lora_adapter_path=cfg.output_dir,
        output_path=Path(cfg.output_dir) / "merged",
        device="cuda" if torch.cuda.is_available() else "cpu",
        # The adapter was trained over weights that lost precision in 4 bits; it is merged into those.
        simulate_nf4=cfg.adapter == "qlora",
    )


def _order_by_epoch(trainer: Any) -> None:
    """Replace the sampler under the packing one, which keeps an old order where a resumed run skips batches."""
    pack = trainer._create_multipack_sampler

    def packed(base_sampler: Any, dataset: Any) -> Any:
        if not isinstance(base_sampler, RandomSampler):
            return pack(base_sampler, dataset)
        order = EpochOrder(len(dataset), trainer.args.seed)
        order.packing = pack(order, dataset)
        return order.packing

    trainer._create_multipack_sampler = packed


class EpochOrder(Sampler):  # type: ignore[misc]
    """Rows in an order that the seed and the number of the epoch decide, the one that Accelerate's own sampler has."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.epoch: int | None = None
        """None before training, when the order is asked for to count batches: of one epoch after the other."""
        self.counted = 0
        self.packing: Any = None

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch, also where batches are skipped."""
        self.epoch = epoch
        self.packing._batches = None  # packed in another epoch's order

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        epoch = self.counted if self.epoch is None else self.epoch
        self.counted += 1
        generator = torch.Generator().manual_seed(self.seed + epoch)
        return iter(torch.randperm(self.count, generator=generator).tolist())


class NoLastCheckpoint(TrainerCallback):  # type: ignore[misc]
    """Prevents the checkpoint after the last step: the final weights are written at once, and nothing resumes there."""

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> Any:
        """Called before Transformers saves."""
        return self._without_save(state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **rest: Any) -> Any:
        """Called before Transformers saves once more where an epoch ends."""
        return self._without_save(state, control)

    def _without_save(self, state: Any, control: Any) -> Any:
        if state.global_step >= state.max_steps:
            control.should_save = False
        return control


class Progress(TrainerCallback):  # type: ignore[misc]
    """Writes progress.jsonl, a line for each step that is logged, and trained.json after the last step."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Begin with what a checkpoint remembers, so that steps which a resumed run repeats are in it once."""
        if state.is_world_process_zero:
            lines = [self._line(entry, state.max_steps) for entry in state.log_history]
            Path(PROGRESS).write_text("".join(lines))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        """Append what was logged last."""
        if state.is_world_process_zero and state.log_history:
            with open(PROGRESS, "a") as stream:
                stream.write(self._line(state.log_history[-1], state.max_steps))

    def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Write how training ended; the final weights are saved after it."""
        if state.is_world_process_zero:
            ended = {
                "global_step": state.global_step, "max_steps": state.max_steps, "log_history": state.log_history,
                "best_step": state.best_global_step if args.load_best_model_at_end else None,
            }  # fmt: skip
            Path(TRAINED).write_text(json.dumps(ended))

    def _line(self, entry: dict[str, Any], steps: int) -> str:
        values = {ours: entry[theirs] for theirs, ours in NAMES.items() if theirs in entry}
        if "loss" not in values and "validation_loss" not in values:
            return ""
        return json.dumps({"step": entry["step"], "steps": steps, **values, "time": time.time()}) + "\n"
