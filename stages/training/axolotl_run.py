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
from stages.training import checkpoints, export, run_folder, trackers
from stages.training.axolotl_config import (
    ROWS,
    axolotl_config,
    cpu_features,
    environment_variables,
    steps,
    with_precision,
)
from stages.training.base_model import BaseModel, read_base_model
from stages.training.config_check import check_config, needs_check, require_packages
from stages.training.environment import training_python, versions
from stages.training.launch import launch
from stages.training.live_progress import LiveProgress, table
from stages.training.processes import (
    Machine,
    filled_up,
    in_all,
    launcher_arguments,
    placed,
    this_machine,
    with_own_rows,
)
from stages.training.row_selection import RowCounts
from stages.training.training_rows import Row

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
    """Per optimiser step: step, loss, learning_rate, grad_norm, and validation_loss where it was computed."""

    def csv(self) -> str:
        """The curve as CSV with a header."""
        validated = any("validation_loss" in point for point in self.curve)
        columns = ("step", "loss", "learning_rate", "grad_norm", *(["validation_loss"] if validated else []))
        return table(self.curve, columns)


def train(
    run: str, recipe: Recipe, seed: int, base: Path, rows: Iterable[Row], out: Path, axolotl_in: str | None = None,
    live: Path | None = None,
) -> TrainingResult | None:  # fmt: skip
    """Fine-tune the model in `base` on `rows` and write the result to `out`, which appears whole or not at all.

    None on a machine that is not the first of several, which writes nothing. A killed run that is started again
    resumes from its last complete checkpoint and writes the same bytes. Checkpoints are in $SEQIT_CACHE/train/, by
    default .seqit/train/ of the checkout; the log stays there.
    Launcher "render" trains nothing: `out` is the base model with the Axolotl configuration, for tests and dry runs.
    axolotl_in: the environment that has Axolotl, see `training_python`; it is made if missing, except with "render".
    live: a folder of files that follow the training, see `live_progress`.
    Raises UserError for a directory that is no model, a set without a usable row, a recipe that can't be, a failed
    training, a full disk.
    """
    machine = this_machine(recipe, os.environ)
    root = cache() / "train"
    with reports_full_disk(root):
        root.mkdir(parents=True, exist_ok=True)
        model = read_base_model(base, recipe.template, recipe.loss == "last")
        job = _prepare(run, recipe, seed, model, rows, root, axolotl_in, machine)
        if recipe.launcher == "render":
            return _render(job, out)
        with exclusive(job.work, machine.rank) as lock:
            if not machine.rank:
                return _run(job, out, lock, live)
            _lend(job, lock)
    return None


def _prepare(
    run: str, recipe: Recipe, seed: int, base: BaseModel, rows: Iterable[Row], root: Path, axolotl_in: str | None,
    machine: Machine,
) -> TrainingJob:  # fmt: skip
    counts = RowCounts()
    if recipe.precision == "native":
        recipe = with_precision(recipe, cpu_features())
        print(f"seqit train {run}: products are computed in {recipe.precision} (precision: native)", file=sys.stderr)
    directory = str(base.directory.absolute())

    def config_for(used: int) -> dict[str, Any]:
        return axolotl_config(recipe, seed, base.template, base.specials, directory, used, base.accepts_images)

    checked = config_for(recipe.batch)  # raises for a recipe that can't be before a row is read
    if needs_check(recipe):
        check_config(checked, recipe, training_python(axolotl_in))
    files = run_folder.write_rows(rows, base, recipe, seed, counts, root / f"{run}.{machine.rank}.{ROWS}")
    config = config_for(counts.used - counts.validation)
    python, installed = _training_environment(recipe, base, axolotl_in)
    # The folder is named by what decides the result: the model's contents and not its place, versions, threads.
    decisive = [
        {**config, "base_model": base.identity}, environment_variables(recipe), *map(artifacts.sha256, files), installed
    ]  # fmt: skip
    work = root / f"{run}-{digest(decisive, 12)}"
    work.mkdir(exist_ok=True)
    placed_config = placed(recipe, config, str(work.absolute()))
    run_folder.fill(work, files, placed_config, trackers.options(recipe.report_to, run), base, recipe)
    if again := filled_up(recipe, counts.used - counts.validation):
        several = f"{with_own_rows(recipe)} processes get as many rows each"
        print(f"seqit train {run}: {several}: the end of an epoch has {again} of its first rows again", file=sys.stderr)
    return TrainingJob(run, recipe, base, config, work, counts, python, machine)


def _training_environment(recipe: Recipe, base: BaseModel, axolotl_in: str | None) -> tuple[Path, dict[str, str]]:
    """The Python that has Axolotl, and the versions of packages that decide the result; none with launcher "render"."""
    if recipe.launcher == "render":
        return Path(sys.executable), {}
    export.weights(base.directory)  # raises for a model without weights before gigabytes are installed
    python = training_python(axolotl_in)
    require_packages(recipe, python)
    return python, versions(python, ("axolotl", "torch", "transformers"))


def _run(job: TrainingJob, out: Path, lock: int, live: Path | None) -> TrainingResult:
    if not checkpoints.finished(job.work):
        _train(job, lock, live)
    trained = job.work / "model"
    weights = trained if job.recipe.adapter == "none" else trained / "merged"
    curve, best = checkpoints.curve(job.work), checkpoints.best_step(job.work)
    weights_hash = export.export_trained(job.run, weights, job.base.directory, job.base.template, out)
    checkpoints.prune(job.work)
    return TrainingResult(run_metrics(job.recipe, job.counts, curve, weights_hash, best), curve)


def _train(job: TrainingJob, lock: int, live: Path | None) -> None:
    checkpoints.drop_torn(job.work / "model", in_all(job.recipe))
    (job.work / checkpoints.TRAINED).unlink(missing_ok=True)
    progress = LiveProgress(job.run, job.work / "progress.jsonl", live)
    _launch(job, lock, progress)
    checkpoints.finish(job.work, job.recipe.validation.patience is not None)
    progress.remove()


def _lend(job: TrainingJob, lock: int) -> None:
    """Train as one of the other machines; the first one keeps checkpoints, progress and result."""
    if not checkpoints.finished(job.work):
        _launch(job, lock, None)
    place = f"node {job.machine.rank} of {job.recipe.nodes}"
    print(f"seqit train {job.run}: {place} is done; node 0 writes the model", file=sys.stderr)


def _launch(job: TrainingJob, lock: int, progress: LiveProgress | None) -> None:
    # Not `-m axolotl.cli.main`: processes that it spawns would import all of that again, 5 to 10 s.
    start = [str(job.python), "-c", "from axolotl.cli.main import main; main()", "train", run_folder.RUN_FILE]
    command = [*start, *launcher_arguments(job.recipe, job.machine)]
    tracked = trackers.environment(job.recipe.report_to, job.work / checkpoints.TRACKED, os.environ)
    variables = child_environment(job.python, job.work, {**tracked, **environment_variables(job.recipe)})
    log = checkpoints.LOG if not job.machine.rank else f"axolotl.{job.machine.rank}.log"
    launch(command, job.work, variables, f"train {job.run}", lock, progress, trackers.secrets(variables), log)


def child_environment(python: Path, work: Path, variables: dict[str, str]) -> dict[str, str]:
    """The environment of a training process: `variables`, its own places, and what it may inherit."""
    inherited = {
        name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIXES)
    }
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "PYTHONUNBUFFERED": "1", "HF_HOME": str(work / "home")}
    return {**inherited, **variables, **own}


def _render(job: TrainingJob, out: Path) -> TrainingResult:
    portable = {**job.config, "base_model": job.base.identity}
    identity = digest([portable, artifacts.sha256(job.work / ROWS)])
    export.export_base(job.run, run_folder.yaml_text(portable), identity, job.base.directory, job.base.template, out)
    shutil.rmtree(job.work)
    return TrainingResult(run_metrics(job.recipe, job.counts, [], identity))


def run_metrics(
    recipe: Recipe, counts: RowCounts, curve: list[dict[str, float]], weights_hash: str, best_step: int | None = None
) -> dict[str, Any]:
    """The metrics of a run."""
    validated = [point["validation_loss"] for point in curve if "validation_loss" in point]
    best = {"best_step": best_step} if best_step is not None else {}
    validation = {"validation_loss": validated[-1], "lowest_validation_loss": min(validated)} if validated else {}
    return {
        "rows": counts.as_metrics(),
        "tokens": counts.tokens,
        "epochs": recipe.epochs,
        "steps": len(curve) or steps(recipe, counts.used - counts.validation),
        "first_loss": curve[0]["loss"] if curve else None,
        "final_loss": curve[-1]["loss"] if curve else None,
        **validation,
        **best,
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
