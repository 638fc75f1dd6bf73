"""A folder with what a rebuild reads: code, schemas, params.yaml and source files; no output and no git repository."""

import fcntl
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.core.atomic_write import disk
from stages.core.errors import UserError
from stages.params import PARAMS
from stages.planning.dvc_graph import Step

CODE = ("stages", "schemas")
"""Folders that every stage may read from."""
GRAPH = "dvc.yaml"
MARK = ".seqit/reproduction"
"""File of a work folder, without which nothing in a folder is removed."""


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """`folder`, empty, for one rebuild at a time.

    Raises UserError where another process rebuilds there, or where anything but an earlier rebuild lies.
    """
    if folder.exists() and not (folder / MARK).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: holds something else than an earlier `seqit reproduce`; name a new folder")
    with disk(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own, opened without emptying it: beside `dvc` may lie a dvc.lock.
        lock = open(folder.with_name(f".{folder.name}.seqit-reproduce"), "ab")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another `seqit reproduce` is at work there; wait for its end") from None
        with disk(folder):
            shutil.rmtree(folder, ignore_errors=True)
            (folder / MARK).parent.mkdir(parents=True)
            (folder / MARK).touch()
        yield folder


def sources(stages: Iterable[Step]) -> list[str]:
    """The paths that stages read and no stage makes, sorted, with the code and the graph.

    Without those outside of the project: stages read these where they are.
    """
    known = list(stages)
    outs = [out for step in known for out in step.outs]
    read = {dep for step in known for dep in step.deps if not any(overlap(dep, out) for out in outs)}
    return sorted({*(path for path in read if not path.startswith("..")), *CODE, GRAPH, str(PARAMS)})


def overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one is within the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def copy_sources(paths: Iterable[str], target: Path) -> None:
    """Copy files and folders of the current folder. Raises UserError for one that is missing."""
    for name in paths:
        source, copy = Path(name), target / name
        if not source.exists():
            raise UserError(f"{name}: no such file; a stage of dvc.yaml reads it, `git checkout {name}` brings it back")
        with disk(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            elif not copy.exists():
                shutil.copyfile(source, copy)
