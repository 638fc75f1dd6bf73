"""A training run of an InstructBLIP, of which the Q-Former is trained and nothing else (paper 4.1.2, B.2).

Axolotl can't train such a model: a loop of our own does, `qformer_loop`, as a subprocess in the same environment.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import digest
from stages.core.state_folder import cache
from stages.params.training_sections import Recipe
from stages.training import checkpoints, export
from stages.training.axolotl_config import cpu_features, environment_variables, steps, with_precision
from stages.training.axolotl_run import TrainingResult, child_environment, exclusive, reports_full_disk, run_metrics
from stages.training.base_model import require_files, special_tokens
from stages.training.environment import training_python, versions
from stages.training.launch import launch
from stages.training.live_progress import LiveProgress
from stages.training.qformer_export import export_qformer, export_untrained
from stages.training.qformer_rows import Lengths, picture_rows
from stages.training.row_selection import RowCounts
from stages.training.training_rows import Row

LOOP = Path(__file__).with_name("qformer_loop.py")
LOG = "qformer.log"
TRAINED = (r"^qformer\.", r"^query_tokens$")
"""What is trained where the recipe names no `unfrozen`: the Q-Former with its queries, which are its input."""
NEEDED = ("qformer_tokenizer/tokenizer.json",)
DEFAULT_OPTIMIZER = Recipe.model_fields["optimizer"].default
PACKAGES = ("torch", "transformers", "safetensors", "pillow")


@dataclass(frozen=True)
class _Job:
    run: str
    recipe: Recipe
    base: Path
    settings: dict[str, Any]
    work: Path
    counts: RowCounts
    python: Path


def train(
    run: str, recipe: Recipe, seed: int, base: Path, rows: Iterable[Row], out: Path, environment: str | None = None,
    live: Path | None = None,
) -> TrainingResult:  # fmt: skip
    """Train the Q-Former of the model in `base` on `rows` and write the result to `out`, whole or not at all.

    As `axolotl_run.train`: a killed run that is started again resumes from its last checkpoint and writes the same
    bytes. environment: of Axolotl, which has torch and Transformers. live: a folder of files that follow the training,
    see `live_progress`. Raises UserError for what can't be trained.
    """
    _check(recipe)
    root = cache() / "train"
    with reports_full_disk(root):
        root.mkdir(parents=True, exist_ok=True)
        job = _prepare(run, recipe, seed, base, rows, root, environment)
        if recipe.launcher == "render":
            return _render(job, out)
        with exclusive(job.work) as lock:
            return _run(job, out, lock, live)


def _check(recipe: Recipe) -> None:
    wrong = {
        "template": (recipe.template != "own", "own, since such a model has no chat template"),
        "launcher": (recipe.launcher not in ("python", "render"), "python"),
        "devices": (recipe.devices > 1, "1, or 0 for the CPU"),
        "processes": (recipe.processes > 1, "1"),
        "nodes": (recipe.nodes > 1, "1"),
        "packing": (recipe.packing, "false"),
        "adapter": (recipe.adapter != "none", "none"),
        "optimizer": (recipe.optimizer != DEFAULT_OPTIMIZER, DEFAULT_OPTIMIZER),
        "liger": (recipe.liger, "false"),
        "cut_cross_entropy": (recipe.cut_cross_entropy, "false"),
        "context_parallel": (recipe.context_parallel > 1, "1"),
        "extra": (bool(recipe.extra), "{}, since Axolotl does not train it"),
        "report_to": (bool(recipe.report_to), "[]"),
        "checkpointing": (recipe.checkpointing, "false"),
        "sharding": (recipe.sharding != "none", "none"),
    }
    if recipe.validation.share:
        raise UserError(
            "params.yaml: train: validation.share is not for a model with a Q-Former; set it to 0 in this run"
        )
    for name, (refused, remedy) in wrong.items():
        if refused:
            value = getattr(recipe, name)
            raise UserError(
                f"params.yaml: train: {name} {str(value).lower()} is not for a model with a Q-Former, trained by one "
                f"process; set {name} of this run to {remedy}"
            )


def _prepare(
    run: str, recipe: Recipe, seed: int, base: Path, rows: Iterable[Row], root: Path, environment: str | None
) -> _Job:
    recipe = with_precision(recipe, cpu_features())
    require_files(base, NEEDED)
    specials = special_tokens(base)
    if not specials.eos:
        raise UserError(f"{base}/tokenizer_config.json: names no eos_token, so the model would never learn to stop")
    _require_decoder(base)
    counts, rows_file = RowCounts(), root / f"{run}.rows.jsonl"
    artifacts.write(rows_file, picture_rows(rows, Lengths(base), specials, recipe.max_length, counts))
    python, installed = Path(sys.executable), {}
    if recipe.launcher != "render":
        export.weights(base)
        python = training_python(environment)
        installed = versions(python, PACKAGES)
    identity = [export.contents_hash(base), *(artifacts.sha256(base / name) for name in NEEDED)]
    settings = _settings(recipe, seed, counts.used)
    decisive = [settings, identity, artifacts.sha256(rows_file), artifacts.sha256(LOOP), installed, recipe.threads]
    work = root / f"{run}-{digest(decisive, 12)}"
    work.mkdir(exist_ok=True)
    os.replace(rows_file, work / "rows.jsonl")
    shutil.copyfile(LOOP, work / LOOP.name)
    artifacts.write_json(work / "job.json", {**settings, "base": str(base.absolute())})
    return _Job(run, recipe, base, settings, work, counts, python)


def _require_decoder(base: Path) -> None:
    config = artifacts.read_json(base / "config.json", dict[str, Any])
    if (
        not config.get("use_decoder_only_language_model", True)
        or (config.get("text_config") or {}).get("model_type") == "t5"
    ):
        raise UserError(
            f"{base}/config.json: its language model is an encoder-decoder; only decoders can be trained with"
        )


def _settings(recipe: Recipe, seed: int, rows: int) -> dict[str, Any]:
    if recipe.batch % recipe.micro_batch:
        raise UserError(
            f"params.yaml: train: batch {recipe.batch} is no multiple of micro_batch {recipe.micro_batch}; change one"
        )
    total = steps(recipe, rows)
    return {
        "unfrozen": list(recipe.unfrozen or TRAINED),
        "batch": recipe.batch,
        "micro_batch": recipe.micro_batch,
        "learning_rate": recipe.learning_rate,
        "scheduler": {"constant": "constant_with_warmup"}.get(recipe.scheduler, recipe.scheduler),
        "warmup_ratio": recipe.warmup_ratio,
        "weight_decay": recipe.weight_decay,
        "steps": total,
        "save_every": max(1, ceil(total / (recipe.saves * recipe.epochs))),
        "precision": recipe.precision,
        "device": "cuda" if recipe.devices else "cpu",
        "threads": recipe.threads,
        "seed": seed % 2**31,
    }


def _run(job: _Job, out: Path, lock: int, live: Path | None) -> TrainingResult:
    result = job.work / "model" / "result.safetensors"
    if not checkpoints.finished(job.work):
        _train(job, lock, live)
    curve = checkpoints.curve(job.work)
    weights_hash = export_qformer(job.run, result, job.base, out)
    checkpoints.prune(job.work)
    return TrainingResult(run_metrics(job.recipe, job.counts, curve, weights_hash), curve)


def _train(job: _Job, lock: int, live: Path | None) -> None:
    checkpoints.drop_torn(job.work / "model")
    (job.work / checkpoints.TRAINED).unlink(missing_ok=True)
    variables = child_environment(job.python, job.work, environment_variables(job.recipe))
    variables["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # without it sums on a GPU have no fixed order
    progress, command = LiveProgress(job.run, job.work / "progress.jsonl", live), [str(job.python), LOOP.name]
    launch(command, job.work, variables, f"train {job.run}", lock, progress, (), LOG, "training")
    checkpoints.finish(job.work)
    progress.remove()


def _render(job: _Job, out: Path) -> TrainingResult:
    identity = digest([job.settings, artifacts.sha256(job.work / "rows.jsonl"), export.contents_hash(job.base)])
    export_untrained(job.run, job.settings, identity, job.base, out)
    shutil.rmtree(job.work)
    return TrainingResult(run_metrics(job.recipe, job.counts, [], identity))
