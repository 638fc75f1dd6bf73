"""The keys of the replies that rows name: rows of artifacts, and of published data sets."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.params import PARAMS, load
from stages.planning.dvc_graph import Step, steps
from stages.verification.published_files import open_set

KEY = re.compile(r"[0-9a-f]{64}")
FIELDS = re.compile(r"(.*_)?repl(y|ies)")
"""Names of fields that hold a key or a list of keys."""
EVERYTHING = "params"
"""What stands for all that the stages of params.yaml make."""
DATA = "data/"
PUBLISHED = Path("data/published")


def named_by(targets: Iterable[str]) -> set[str]:
    """The keys that targets rest on, in the project of the current folder.

    A target is "params", for the outputs of every stage; data/published/NAME of an entry of `publish`, for what the
    stages before it made, rejected rows included, since a rebuild asks for these again; or the folder or Parquet file
    of any other published set, for its rows alone. Raises UserError where there is no such thing.
    """
    keys: set[str] = set()
    for target in targets:
        stages = _stages(target)
        if stages is None:
            keys.update(key for row in open_set(Path(target)).rows() for key in keys_in(row))
        else:
            keys.update(key for path in row_files(stages) for row in _rows(path) for key in keys_in(row))
    return keys


def _stages(target: str) -> list[Step] | None:
    """The stages whose rows a target rests on; None for a set that no stage of this project makes."""
    if target == EVERYTHING:
        return all_stages([])
    path = Path(target)
    is_own = path.parent == PUBLISHED and Path("dvc.yaml").is_file() and path.name in load().publish
    return all_stages([f"publish@{path.name}"]) if is_own else None


def all_stages(targets: list[str]) -> list[Step]:
    """The stages of the current project, or those that these targets depend on, each after its dependencies."""
    return steps(Path.cwd(), artifacts.read_text(PARAMS), targets)


def row_files(stages: Iterable[Step]) -> list[Path]:
    """The JSONL files among the outputs of stages and in their folders, sorted; those that are missing, too."""
    outs = [Path(out) for step in stages for out in step.outs if out.startswith(DATA)]
    files = [out for out in outs if out.suffix == ".jsonl" or (not out.exists() and not out.suffix)]
    return sorted([*files, *(path for out in outs if out.is_dir() for path in out.rglob("*.jsonl"))])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; run `seqit run`, which makes it, or `dvc pull`")
    return artifacts.read(path, dict[str, Any])


def keys_in(value: Any) -> Iterator[str]:
    """Every key of a reply within a row, by the names of fields."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield from keys_in(inner)
            if FIELDS.fullmatch(str(name)):
                yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from keys_in(inner)


def _keys(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and KEY.fullmatch(one):
            yield one
