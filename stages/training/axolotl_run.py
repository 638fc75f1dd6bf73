"""Training with Axolotl: each run in a folder of its own, gone on with after a crash."""

import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.model_config import accepts_images
from stages.core.records import digest
from stages.core.state_folder import cache
from stages.training import checkpoints, export, image_training
from stages.training.axolotl_config import Recipe, axolotl_config, environment, steps
from stages.training.chat_rendering import Specials, check, complete, forged, render, structural
from stages.training.environment import training_python, versions
from stages.training.launch import launch
from stages.training.training_rows import Row

TEMPLATES = Path(__file__).parents[1] / "prompts" / "templates"
PLUGIN = Path(__file__).with_name("axolotl_plugin.py")
CHUNK = 256
"""Rows tokenized together."""
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER", "LD_LIBRARY_PATH")
KEPT_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "LC_")
"""Variables that reach Axolotl; any other could change what it does (a name with COLAB_ in it adds a callback)."""


@dataclass
class Rows:
    """What became of a set's rows on the way into training."""

    read: int = 0
    used: int = 0
    too_long: int = 0
    special_token: int = 0


@dataclass(frozen=True)
class Base:
    """A base model's directory, and what is read of it; `identity` is the hash of all that is in it."""

    directory: Path
    specials: Specials
    template: str
    structural: tuple[str, ...]
    """Special tokens that no row's text may hold, see `chat.structural`."""
    sees: bool
    """Whether it takes pictures."""
    identity: str


@dataclass(frozen=True)
class Job:
    """One training run, ready to go. `tokens` are those of the rows used, template included."""

    run: str
    recipe: Recipe
    base: Base
    config: dict[str, Any]
    work: Path
    rows: Rows
    tokens: int
    python: Path
    """The Python that has Axolotl."""


@dataclass(frozen=True)
class Trained:
    """What is told of a finished run; nothing of it depends on the clock or the machine's name."""

    metrics: dict[str, Any]
    curve: list[dict[str, float]] = field(default_factory=list)
    """Per optimiser step: step, loss, learning_rate."""

    def csv(self) -> str:
        """The curve as CSV with a header."""
        lines = [f"{point['step']},{point['loss']},{point['learning_rate']}" for point in self.curve]
        return "\n".join(["step,loss,learning_rate", *lines, ""])


def train(
    run: str, recipe: Recipe, seed: int, base: Path, rows: Iterable[Row], out: Path, axolotl_in: str | None = None
) -> Trained:
    """Fine-tune the model in `base` on `rows` and put the result into `out`, which appears whole or not at all.

    Killed at any moment and called again, it goes on from the last whole checkpoint and makes the same bytes.
    Checkpoints are in $SEQIT_CACHE/train/, by default .seqit/train/ of the checkout; what stays there is the log.
    Launcher "render" trains nothing: `out` is the base model with the configuration beside it, for tests and dry runs.
    `axolotl_in`: the environment that has Axolotl, see `training_python`; made where it is missing, unless nothing is
    trained.
    Raises UserError for a directory that is no model, a set without a row to use, a failed training, a full disk.
    """
    root = cache() / "train"
    with _disk(root):
        root.mkdir(parents=True, exist_ok=True)
        job = _prepare(run, recipe, seed, _base(base, recipe.template), rows, root, axolotl_in)
        if recipe.launcher == "render":
            return _render(job, out)
        with _locked(job.work) as lock:
            return _run(job, out, lock)


def _base(directory: Path, template: str) -> Base:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        if not (directory / name).is_file():
            raise UserError(
                f"{directory}: has no {name}; a model to train is a Transformers directory with its tokenizer, "
                "name another for this run in train.runs of params.yaml"
            )
    specials, seen = _specials(directory), accepts_images(directory)
    source = directory / "chat_template.jinja" if template == "own" else TEMPLATES / f"{template}.jinja"
    if template != "own" and seen:
        source = TEMPLATES / f"{template}-images.jinja"
    if not source.is_file():
        others = "tulu" if seen else "tulu or alpaca"
        raise UserError(f"{directory}: has no {source.name}; set train.settings.template to {others}")
    text = complete(artifacts.read_text(source), specials, own=template == "own")
    picture = (image_training.image_token(directory),) if seen else ()
    text = text.replace(image_training.PLACEHOLDER, picture[0]) if picture else text
    try:
        check(text, specials)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    held = (*structural(text, specials), *picture)
    return Base(directory, specials, text, held, seen, export.contents_hash(directory))


def _specials(directory: Path) -> Specials:
    from tokenizers import Tokenizer

    config = artifacts.read_json(directory / "tokenizer_config.json", dict[str, Any])
    tokenizer = Tokenizer.from_str(artifacts.read_text(directory / "tokenizer.json"))
    bos, eos, pad = (_token(config.get(f"{name}_token")) for name in ("bos", "eos", "pad"))
    every = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    first = tokenizer.encode("").tokens[:1]
    return Specials(bos, eos, pad, tuple(sorted({*every, bos, eos, pad} - {""})), first == [bos])


def _token(value: Any) -> str:
    return str(value.get("content") or "") if isinstance(value, dict) else str(value or "")


def _prepare(
    run: str, recipe: Recipe, seed: int, base: Base, rows: Iterable[Row], root: Path, axolotl_in: str | None
) -> Job:
    counts, lengths = Rows(), list[int]()
    waiting = root / f"{run}.rows.jsonl"
    usable = _usable(rows, base, recipe.max_length, counts, lengths)
    artifacts.write(waiting, image_training.talks(usable, base.sees, base.directory))
    _refuse_none(counts, recipe.max_length)
    where = str(base.directory.absolute())
    config = axolotl_config(recipe, seed, base.template, base.specials, where, counts.used, base.sees)
    python, installed = _installed(recipe, base, axolotl_in)
    # Where the base model is does not matter to the result, which model it is does; so do versions and threads.
    matters = [{**config, "base_model": base.identity}, environment(recipe), artifacts.sha256(waiting), installed]
    work = root / f"{run}-{digest(matters, 12)}"
    work.mkdir(exist_ok=True)
    os.replace(waiting, work / "rows.jsonl")
    artifacts.write_text(work / "axolotl.yml", _yaml(config))
    if base.sees:
        shutil.copyfile(PLUGIN, work / PLUGIN.name)
        artifacts.write_json(
            work / "boundaries.json", image_training.boundaries(base.directory, base.template, base.specials)
        )
    return Job(run, recipe, base, config, work, counts, sum(lengths), python)


def _installed(recipe: Recipe, base: Base, axolotl_in: str | None) -> tuple[Path, dict[str, str]]:
    """The Python that has Axolotl, and the versions that decide what is trained; none where nothing is."""
    if recipe.launcher == "render":
        return Path(sys.executable), {}
    export.weights(base.directory)  # a model without weights is told before gigabytes are installed
    python = training_python(axolotl_in)
    return python, versions(python, ("axolotl", "torch", "transformers"))


def _usable(rows: Iterable[Row], base: Base, longest: int, counts: Rows, lengths: list[int]) -> Iterator[Row]:
    """The rows that can be trained on: not too long, and without a real special token in their text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(artifacts.read_text(base.directory / "tokenizer.json"))
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        counts.read += len(chunk)
        whole = [row for row in chunk if not forged(row.messages, base.structural)]
        counts.special_token += len(chunk) - len(whole)
        texts = [render(base.template, base.specials, row.messages) for row in whole]
        found = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
        fitting = [(row, length) for row, length in zip(whole, found, strict=True) if length <= longest]
        counts.too_long += len(whole) - len(fitting)
        counts.used += len(fitting)
        lengths += [length for _, length in fitting]
        yield from (row for row, _ in fitting)


def _refuse_none(counts: Rows, longest: int) -> None:
    if not counts.read:
        raise UserError("the training set is empty; look at what its entry of `format` in params.yaml reads")
    if not counts.used:
        raise UserError(
            f"none of {counts.read} rows can be trained on: {counts.too_long} are longer than "
            f"train.settings.max_length {longest}, {counts.special_token} have a special token of the model in them"
        )


def _yaml(config: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120))


def _run(job: Job, out: Path, lock: int) -> Trained:
    if not checkpoints.finished(job.work):
        checkpoints.drop_torn(job.work / "model")
        launch(_command(job.recipe, job.python), job.work, _environment(job), f"train {job.run}", lock)
        checkpoints.finish(job.work)
    curve = checkpoints.curve(job.work / "model")
    hashed = export.deliver(job.run, job.work / "model", job.base.directory, job.base.template, out)
    checkpoints.prune(job.work)
    return Trained(_metrics(job, curve, hashed), curve)


def _command(recipe: Recipe, python: Path) -> list[str]:
    # Not `-m axolotl.cli.main`: processes that it spawns would import all of that again, 5 to 10 s.
    start = [str(python), "-c", "from axolotl.cli.main import main; main()"]
    command = [*start, "train", "axolotl.yml", "--launcher", recipe.launcher]
    several = ["--", "--num_processes", str(max(recipe.devices, 1))]
    return [*command, *several] if recipe.launcher == "accelerate" else command


def _environment(job: Job) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    path = f"{job.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "PYTHONUNBUFFERED": "1", "HF_HOME": str(job.work / "home")}
    return {**kept, **own, **environment(job.recipe)}


def _render(job: Job, out: Path) -> Trained:
    portable = {**job.config, "base_model": job.base.identity}
    identity = digest([portable, artifacts.sha256(job.work / "rows.jsonl")])
    export.render(job.run, _yaml(portable), identity, job.base.directory, job.base.template, out)
    shutil.rmtree(job.work)
    return Trained(_metrics(job, [], identity))


def _metrics(job: Job, curve: list[dict[str, float]], hashed: str) -> dict[str, Any]:
    return {
        "rows": asdict(job.rows),
        "tokens": job.tokens,
        "epochs": job.recipe.epochs,
        "steps": len(curve) or steps(job.recipe, job.rows.used),
        "first_loss": curve[0]["loss"] if curve else None,
        "final_loss": curve[-1]["loss"] if curve else None,
        "weights": hashed[:16],
    }


@contextmanager
def _locked(work: Path) -> Iterator[int]:
    """Keep a second training out of the folder, also while a process that inherits the descriptor lives."""
    with open(work / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"seqit train: waiting for another training in {work}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


@contextmanager
def _disk(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = error.filename2 or error.filename or root
            raise UserError(f"{place}: no space left on the disk; free some and run again") from None
        raise
