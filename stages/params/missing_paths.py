"""Files and folders that params.yaml names, that are not there, and that no stage makes."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from stages.params.field_types import Section
from stages.params.mistakes import Mistake
from stages.params.name_references import entries, fields

if TYPE_CHECKING:
    from stages.params import Params

READ = ("source", "folder", "prompt", "prompts", "list_prompt")
"""Fields with the path of something that a stage reads."""
FETCHED, GENERATED = "fetched", "generated"
"""Folders under data/ that the stages of `fetch.corpora` and `generate` write, an entry each."""


def missing_paths(params: "Params", root: Path = Path()) -> list[Mistake]:
    """A mistake for each path of params.yaml that a stage reads and that is not there.

    A path that a stage writes is left out, and one that DVC tracks and may pull (PATH.dvc).
    """
    made = {one.entry.output_folder for one in entries(params)} - {""}
    return [
        Mistake(where, f"{path} does not exist; {_near(root / path)}")
        for where, path in _read(params, "")
        if not (root / path).exists() and not _is_made(path, params, made) and not _is_tracked(root / path)
    ]


def _read(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """(place in params.yaml, path) of every path that is read."""
    if isinstance(value, Section):
        for key, _, below in fields(value):
            place = f"{where}.{key}" if where else key
            if key in READ and isinstance(below, str):
                yield place, below
            else:
                yield from _read(below, place)
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _read(below, f"{where}.{name}")


def _is_made(path: str, params: "Params", folders: set[str]) -> bool:
    parts = PurePosixPath(path).parts
    if parts[:1] != ("data",) or len(parts) < 3:
        return False
    if parts[1] == FETCHED:
        return parts[2] in params.fetch.corpora
    return PurePosixPath(parts[2]).stem in params.generate if parts[1] == GENERATED else parts[1] in folders


def _is_tracked(path: Path) -> bool:
    return any(one.with_name(f"{one.name}.dvc").exists() for one in (path, *path.parents) if one.name)


def _near(path: Path) -> str:
    """What to do: with the most similar name in its folder, if there is one."""
    names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    return f"did you mean {near[0]}?" if near else "correct the path"
