"""Runs the stages of an evaluation in this process, in a folder of its own that appears whole or not at all."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from inspect import unwrap
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.errors import UserError
from stages.core.records import digest
from stages.core.state_folder import cache, store_path
from stages.model_files.references import fetch_model
from stages.params import PARAMS

CODE = Path(__file__).parents[1]
PROJECT = CODE.parent
SOURCES = {"stages": CODE, "schemas": PROJECT / "schemas", "data/seeds": PROJECT / "data" / "seeds"}
"""What stages read by a path from the project's folder -> where it is."""
MARK = "# An evaluation by `seqit eval`"
"""How the params.yaml of an evaluation begins."""
UNCHANGING = ("hub:", "endpoint:")
"""References that always stand for the same model: a pinned commit, an address."""


@contextlib.contextmanager
def evaluation_folder(target: Path) -> Iterator[Path]:
    """A new folder with links to what stages read, entered; its contents replace `target` if the block succeeds.

    Replies go to the reply store of the folder that the command was started in. Raises UserError where `target` is
    something other than an evaluation.
    """
    _refuse_others(target)
    with _same_state(), _without_empty_parents(target.absolute()), replacing_folder(target.absolute()) as folder:
        links = {folder / name: source for name, source in SOURCES.items()}
        for link, source in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
        (folder / "models").mkdir()
        with contextlib.chdir(folder):
            yield folder
        for link in [*links, *(folder / "models").iterdir()]:
            link.unlink()
        (folder / "models").rmdir()


def provide_models(references: Mapping[str, str]) -> None:
    """Fetch models, by name, and link each as models/NAME; they are kept in the cache for later evaluations."""
    for name, reference in references.items():
        folder = cache() / "models" / digest(reference, 16)
        if not (folder.is_dir() and reference.startswith(UNCHANGING)):
            fetch_model(reference, folder)
        Path("models", name).symlink_to(folder.absolute())


def run_stages(values: Mapping[str, Any], run: str) -> Iterator[str]:
    """Run every stage from the questions to the report; yields the warning of each, "" for none.

    values: those of params.yaml, which is in the working folder. run: the model.
    """
    benchmarks = [*values["ingest"]["benchmarks"]]
    for name in values.get("generate", {}):
        yield _stage("generate", "generate")(name)
    for name in benchmarks:
        yield _stage("ingest", "benchmark")(name)
        yield _stage("validate", "validate")("ingested/benchmarks", [name], "questions")
    yield _stage("predict", "predict")(run)
    yield _stage("validate", "validate")("predictions", [run], "predictions")
    yield _stage("evaluate", "evaluate")(run)
    yield _stage("report", "report")()


def _stage(module: str, command: str) -> Callable[..., str]:
    """The function of a command, without what turns its errors into messages; a warning is returned as a text."""
    function = unwrap(getattr(import_module(f"stages.{module}"), command))
    return lambda *values: function(*values) or ""


def _refuse_others(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    params = target / PARAMS.name
    if target.exists() and not (params.is_file() and artifacts.read_text(params).startswith(MARK)):
        raise UserError(f"{target}: exists and is no evaluation of seqit; name another folder with --out")


@contextlib.contextmanager
def _without_empty_parents(target: Path) -> Iterator[None]:
    """If the block fails, remove the folders above `target` that were made in it and hold nothing."""
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


@contextlib.contextmanager
def _same_state() -> Iterator[None]:
    """The reply store and the cache of the working folder, also where another folder is entered."""
    here = {"SEQIT_REPLIES": str(store_path().absolute()), "SEQIT_CACHE": str(cache().absolute())}
    before = {name: os.environ.get(name) for name in here}
    os.environ.update(here)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
