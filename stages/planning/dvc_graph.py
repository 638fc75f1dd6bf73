"""DVC's graph under changed parameters, read without writing to the checkout."""

import io
import json
import os
import shlex
import tempfile
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.cli import entry_name
from stages.core.errors import UserError
from stages.params import PARAMS


@dataclass(frozen=True)
class Step:
    """One stage of the graph."""

    name: str
    commands: list[list[str]]
    """With the name of the entry in place of DVC_STAGE."""
    deps: list[str]
    outs: list[str]
    """Paths from the top of the checkout."""
    stage: Any
    """The stage as a `dvc.stage.Stage`."""

    @property
    def command(self) -> list[str]:
        """The command that writes the outputs; those after it validate them."""
        return self.commands[0] if self.commands else []

    @property
    def module(self) -> str:
        """The module of stages/ that its command runs, "" if it runs something else."""
        words = self.command
        is_ours = len(words) > 2 and words[1] == "-m" and words[2].startswith("stages.")
        return words[2].removeprefix("stages.") if is_ours else ""


@dataclass(frozen=True)
class PlannedFile:
    """A file that the plan has written in place of a run."""

    md5: str
    """"" where its contents can't be known."""
    certain: bool
    """Whether a run would write the same bytes."""


def overridden(root: Path, overrides: list[str]) -> str:
    """params.yaml as `dvc exp run -S` with these would leave it. Raises UserError for what DVC refuses."""
    from dvc.exceptions import DvcException
    from dvc.utils.cli_parse import to_path_overrides
    from dvc.utils.hydra import apply_overrides, to_hydra_overrides
    from hydra.errors import OverrideParseException

    text = artifacts.read_text(root / PARAMS)
    by_path = to_path_overrides(overrides)
    if other := sorted(by_path.keys() - {str(PARAMS)}):
        raise UserError(f"-S {other[0]}:…: seqit's parameters are in {PARAMS} alone; leave the file's name out")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, PARAMS.name)
        copy.write_text(text, encoding="utf-8")
        try:
            if overrides:
                if any(one.is_sweep_override() for one in to_hydra_overrides(overrides)):
                    raise UserError(f"-S {' '.join(overrides)}: several values for one key; plan them one by one")
                apply_overrides(str(copy), by_path[str(PARAMS)])
        except (DvcException, OverrideParseException) as error:
            raise UserError(f"-S {' '.join(overrides)}: {_unknown(text, overrides) or _error_text(error)}") from None
        return copy.read_text(encoding="utf-8")


def _unknown(text: str, overrides: list[str]) -> str:
    """What to write for keys that params.yaml has not, with the most similar one; "" where it has all of them."""
    keys = set(_paths(_values(text)))
    wanted = [one.partition("=")[0].removeprefix("~") for one in overrides if "=" in one or one[:1] == "~"]
    for key in wanted:
        if key not in keys and key[:1] != "+":
            near = get_close_matches(key, keys, 1)
            meant = f"did you mean {near[0]}?" if near else f"+{key}=VALUE adds it"
            return f"params.yaml has no key {key}; {meant}"
    return ""


def _paths(values: Any, where: str = "") -> Iterator[str]:
    """The path of every key, as -S names it."""
    for key, value in values.items() if isinstance(values, dict) else ():
        yield f"{where}{key}"
        yield from _paths(value, f"{where}{key}.")


def steps(root: Path, params: str, targets: list[str]) -> list[Step]:
    """The stages that `dvc repro` with these targets would check, each after those it depends on.

    params: the text of params.yaml. Raises UserError where there is no DVC repository, or no valid graph.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    try:
        repo = Repo(str(root), fs=_file_system_with(params, str((root / PARAMS).resolve())))
        stages = collect_stages(repo, targets) if targets else None
        planned = plan_repro(get_active_graph(repo.index.graph), stages)
        return [_step(root, stage) for stage in planned if stage.cmd]
    except DvcException as error:
        raise UserError(f"dvc: {_error_text(error)}") from None


def as_run(step: Step, params: str) -> str:
    """`params` with the values that this stage last ran with, by dvc.lock; unchanged if they are the same."""
    known = [getattr(dep.hash_info, "value", None) for dep in step.stage.deps]
    last_values = ChainMap(*(value for value in known if isinstance(value, dict)))
    values = deepcopy(_values(params))
    for key, value in last_values.items():
        *path, last = key.split(".")
        inner: Any = values
        for name in path:
            inner = inner.get(name) if isinstance(inner, dict) else None  # a section may be gone by now
        if isinstance(inner, dict):
            inner[last] = value
    return params if values == _values(params) else json.dumps(values, default=str)


@lru_cache(maxsize=4)
def _values(params: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    return dict(YAML(typ="safe", pure=True).load(params))


NEVER = "never run before"
"""The reason of a stage that dvc.lock does not have."""


def reasons(step: Step, planned_files: Mapping[str, PlannedFile], md5: Callable[[str], str]) -> list[str]:
    """Why DVC would run a stage: what has changed or is missing; empty if it would not.

    planned_files: files by path that the plan has written. md5: computes the hash of a path with those files.
    """
    if not any(one.hash_info for one in (*step.stage.deps, *step.stage.outs)):
        return [NEVER]
    changes = ["its command"] if step.stage.cmd_changed else []
    for dep, path in zip(step.stage.deps, step.deps, strict=True):
        if remade := related_files(path, planned_files):
            changed = not all(one.md5 for one in remade) or md5(path) != dep.hash_info.value
            changes += [path] if changed else []
        else:
            changes += _changes(dep)
    changes += [f"{path} is {state}" for out in step.stage.outs for path, state in out.status().items()]
    return changes


def related_files(path: str, planned_files: Mapping[str, PlannedFile]) -> list[PlannedFile]:
    """The planned files that are `path`, below it or above it."""
    return [
        file
        for name, file in planned_files.items()
        if name == path or name.startswith(f"{path}/") or path.startswith(f"{name}/")
    ]


def _changes(dep: Any) -> list[str]:
    """The path of a dependency if it has changed, or its parameters that have."""
    return [name for path, state in dep.status().items() for name in (state if isinstance(state, dict) else [path])]


def _step(root: Path, stage: Any) -> Step:
    top = root.resolve()

    def paths(entries: Iterable[Any]) -> list[str]:
        return [Path(os.path.relpath(entry.fs_path, top)).as_posix() for entry in entries]

    lines = stage.cmd if isinstance(stage.cmd, list) else [stage.cmd]
    name = entry_name(stage.addressing)
    commands = [[word.replace("$DVC_STAGE", name) for word in shlex.split(line)] for line in lines]
    return Step(stage.addressing, commands, paths(stage.deps), paths(stage.outs), stage)


def _error_text(error: BaseException) -> str:
    """The messages of DVC's error and its causes, on one line."""
    parts = []
    one: BaseException | None = error
    while one is not None:
        parts.append(" ".join(str(one).split()))
        one = one.__cause__
    return ": ".join(dict.fromkeys(filter(None, parts)))[:500]


def _file_system_with(text: str, path: str) -> Any:
    """The local file system of DVC, except that the file `path` contains `text`."""
    from dvc.fs import LocalFileSystem

    class FileSystem(LocalFileSystem):  # type: ignore[misc]
        def open(self, name: Any, mode: str = "r", **options: Any) -> Any:
            if os.path.realpath(name) == path and "r" in mode:
                return io.BytesIO(text.encode()) if "b" in mode else io.StringIO(text)
            return super().open(name, mode=mode, **options)

    return FileSystem()
