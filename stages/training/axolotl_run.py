"""A training run with Axolotl in a folder of its own, resumed from its last checkpoint after a crash."""

import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import digest
from stages.core.state_folder import cache
from stages.params.training_sections import Recipe
from stages.training import checkpoints, export, image_training
from stages.training.axolotl_config import (
    axolotl_config,
    cpu_bfloat16,
    cpu_features,
    environment_variables,
    steps,
    with_precision,
)
from stages.training.base_model import BaseModel, read_base_model
from stages.training.environment import training_python, versions
from stages.training.launch import launch
from stages.training.processes import Machine, filled_up, in_all, launcher_arguments, placed, this_machine
from stages.training.row_selection import RowCounts, usable_rows
from stages.training.training_rows import Row

PLUGIN = Path(__file__).with_name("axolotl_plugin.py")
PRECISION_PLUGIN = Path(__file__).with_name("cpu_precision_plugin.py")
PROCESSES_PLUGIN = Path(__file__).with_name("processes_plugin.py")
PLUGIN_COPY = "boundaries.py"
"""Its name in a run's folder, which the configuration refers to."""
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "USER", "LD_LIBRARY_PATH")
INHERITED_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "FI_", "UCX_", "RAY_", "LC_")
"""Environment variables that reach Axolotl; any other could change what it does (a name with COLAB_ in it adds a
callback)."""


@dataclass(frozen=True)
class TrainingJob:
    """A prepared training run."""

    run: str
    recipe: Recipe
    base: BaseModel
    config: dict[str, Any]
    """The configuration of Axolotl."""
    work: Path
    """The folder that it runs in."""
    counts: RowCounts
    python: Path
    """The Python that has Axolotl."""
    machine: Machine


@dataclass(frozen=True)
class TrainingResult:
    """The metrics of a finished run; none of them depends on the clock or the machine."""

    metrics: dict[str, Any]
    curve: list[dict[str, float]] = field(default_factory=list)
    """Per optimiser step: step, loss, learning_rate."""

    def csv(self) -> str:
        """The curve as CSV with a header."""
        lines = [f"{point['step']},{point['loss']},{point['learning_rate']}" for point in self.curve]
        return "\n".join(["step,loss,learning_rate", *lines, ""])


def train(
    run: str, recipe: Recipe, seed: int, base: Path, rows: Iterable[Row], out: Path, axolotl_in: str | None = None
) -> TrainingResult | None:
    """Fine-tune the model in `base` on `rows` and write the result to `out`, which appears whole or not at all.

    None on a machine that is not the first of several, which writes nothing. A killed run that is started again
    resumes from its last complete checkpoint and writes the same bytes. Checkpoints are in $SEQIT_CACHE/train/, by
    default .seqit/train/ of the checkout; the log stays there.
    Launcher "render" trains nothing: `out` is the base model with the Axolotl configuration, for tests and dry runs.
    axolotl_in: the environment that has Axolotl, see `training_python`; it is made if missing, except with "render".
    Raises UserError for a directory that is no model, a set without a usable row, a failed training, a full disk.
    """
    machine = this_machine(recipe, os.environ)
    root = cache() / "train"
    with reports_full_disk(root):
        root.mkdir(parents=True, exist_ok=True)
        job = _prepare(run, recipe, seed, read_base_model(base, recipe.template), rows, root, axolotl_in, machine)
        if recipe.launcher == "render":
            return _render(job, out)
        with exclusive(job.work, machine.rank) as lock:
            if not machine.rank:
                return _run(job, out, lock)
            _lend(job, lock)
    return None


def _prepare(
    run: str, recipe: Recipe, seed: int, base: BaseModel, rows: Iterable[Row], root: Path, axolotl_in: str | None,
    machine: Machine,
) -> TrainingJob:  # fmt: skip
    counts, rows_file = RowCounts(), root / f"{run}.rows.{machine.rank}.jsonl"
    if recipe.precision == "native":
        recipe = with_precision(recipe, cpu_features())
        print(f"seqit train {run}: products are computed in {recipe.precision} (precision: native)", file=sys.stderr)
    usable = usable_rows(rows, base, recipe.max_length, counts)
    artifacts.write(rows_file, image_training.axolotl_rows(usable, base.accepts_images, base.directory))
    directory = str(base.directory.absolute())
    config = axolotl_config(recipe, seed, base.template, base.specials, directory, counts.used, base.accepts_images)
    python, installed = _training_environment(recipe, base, axolotl_in)
    # The folder is named by what decides the result: the model's contents and not its place, versions, threads.
    decisive = [
        {**config, "base_model": base.identity}, environment_variables(recipe), artifacts.sha256(rows_file), installed
    ]  # fmt: skip
    work = root / f"{run}-{digest(decisive, 12)}"
    work.mkdir(exist_ok=True)
    os.replace(rows_file, work / "rows.jsonl")
    artifacts.write_text(work / "axolotl.yml", _yaml(placed(recipe, config, str(work.absolute()))))
    if base.accepts_images:
        _write_plugin(base, work)
    if cpu_bfloat16(recipe):
        shutil.copyfile(PRECISION_PLUGIN, work / PRECISION_PLUGIN.name)
    if recipe.launcher == "torchrun":
        shutil.copyfile(PROCESSES_PLUGIN, work / PROCESSES_PLUGIN.name)
    if again := filled_up(recipe, counts.used):
        several = f"{in_all(recipe)} processes get as many rows each"
        print(f"seqit train {run}: {several}: the end of an epoch has {again} of its first rows again", file=sys.stderr)
    return TrainingJob(run, recipe, base, config, work, counts, python, machine)


def _write_plugin(base: BaseModel, work: Path) -> None:
    shutil.copyfile(PLUGIN, work / PLUGIN_COPY)
    boundaries = image_training.reply_boundaries(base.directory, base.template, base.specials)
    artifacts.write_json(work / "boundaries.json", boundaries)


def _training_environment(recipe: Recipe, base: BaseModel, axolotl_in: str | None) -> tuple[Path, dict[str, str]]:
    """The Python that has Axolotl, and the versions of packages that decide the result; none with launcher "render"."""
    if recipe.launcher == "render":
        return Path(sys.executable), {}
    export.weights(base.directory)  # raises for a model without weights before gigabytes are installed
    python = training_python(axolotl_in)
    names = ("axolotl", "torch", "transformers", *(("ray",) if recipe.launcher == "ray" else ()))
    return python, versions(python, names)


def _yaml(config: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120))


def _run(job: TrainingJob, out: Path, lock: int) -> TrainingResult:
    if not checkpoints.finished(job.work):
        checkpoints.drop_torn(job.work / "model", in_all(job.recipe))
        _launch(job, lock)
        checkpoints.finish(job.work)
    curve = checkpoints.curve(job.work / "model")
    weights_hash = export.export_trained(job.run, job.work / "model", job.base.directory, job.base.template, out)
    checkpoints.prune(job.work)
    return TrainingResult(run_metrics(job.recipe, job.counts, curve, weights_hash), curve)


def _lend(job: TrainingJob, lock: int) -> None:
    """Train as one of the other machines; the first one keeps checkpoints, log of the steps and result."""
    if not checkpoints.finished(job.work):
        _launch(job, lock)
    place = f"node {job.machine.rank} of {job.recipe.nodes}"
    print(f"seqit train {job.run}: {place} is done; node 0 writes the model", file=sys.stderr)


def _launch(job: TrainingJob, lock: int) -> None:
    # Not `-m axolotl.cli.main`: processes that it spawns would import all of that again, 5 to 10 s.
    start = [str(job.python), "-c", "from axolotl.cli.main import main; main()", "train", "axolotl.yml"]
    command = [*start, *launcher_arguments(job.recipe, job.machine)]
    log = checkpoints.LOG if not job.machine.rank else f"axolotl.{job.machine.rank}.log"
    variables = child_environment(job.python, job.work, environment_variables(job.recipe))
    launch(command, job.work, variables, f"train {job.run}", lock, log)


def child_environment(python: Path, work: Path, variables: dict[str, str]) -> dict[str, str]:
    """The environment of a training process: `variables`, its own places, and what it may inherit."""
    inherited = {
        name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIXES)
    }
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "PYTHONUNBUFFERED": "1", "HF_HOME": str(work / "home")}
    return {**inherited, **own, **variables}


def _render(job: TrainingJob, out: Path) -> TrainingResult:
    portable = {**job.config, "base_model": job.base.identity}
    identity = digest([portable, artifacts.sha256(job.work / "rows.jsonl")])
    export.export_base(job.run, _yaml(portable), identity, job.base.directory, job.base.template, out)
    shutil.rmtree(job.work)
    return TrainingResult(run_metrics(job.recipe, job.counts, [], identity))


def run_metrics(recipe: Recipe, counts: RowCounts, curve: list[dict[str, float]], weights_hash: str) -> dict[str, Any]:
    """The metrics of a run."""
    return {
        "rows": counts.as_metrics(),
        "tokens": counts.tokens,
        "epochs": recipe.epochs,
        "steps": len(curve) or steps(recipe, counts.used),
        "first_loss": curve[0]["loss"] if curve else None,
        "final_loss": curve[-1]["loss"] if curve else None,
        "weights": weights_hash[:16],
    }


@contextmanager
def exclusive(work: Path, rank: int = 0) -> Iterator[int]:
    """Lock the folder against a second training; processes that inherit the yielded descriptor keep the lock too.

    Of several machines that share the folder each has a lock of its own.
    """
    with open(work / (f"lock.{rank}" if rank else "lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"seqit train: waiting for another training in {work}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


@contextmanager
def reports_full_disk(root: Path) -> Iterator[None]:
    """Raises UserError in place of the OSError of a full disk; `root` is named where the error names no file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = error.filename2 or error.filename or root
            raise UserError(f"{place}: no space left on the disk; free some and run again") from None
        raise
