"""Outputs of stages beside dvc.lock: which were rebuilt byte for byte, which differ, and which were not rebuilt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from stages.planning.dvc_graph import Step
from stages.planning.overlay import md5

State = Literal["reproduced", "differs", "not rebuilt", "as committed"]
"""reproduced: rebuilt, with the bytes of dvc.lock. differs: has other bytes than dvc.lock records. not rebuilt: is not
there. as committed: not rebuilt, but the committed file was used, and has the bytes of dvc.lock."""


class Output(msgspec.Struct, frozen=True):
    """One output."""

    path: str
    stage: str
    state: State
    reason: str = ""
    """Why it differs or was not rebuilt, in words."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What became of a stage."""

    stage: str
    outputs: list[Output]
    seconds: float = 0.0
    failure: str = ""
    """Why it did not end well; "" where it did, and where it was not run."""

    @property
    def is_good(self) -> bool:
        """Whether the stage did not fail and none of its outputs differs."""
        return not self.failure and not any(output.state == "differs" for output in self.outputs)


def compare(step: Step, folder: Path, seconds: float) -> Rebuilt:
    """The outputs of a stage that has run in `folder`."""
    recorded = recorded_md5(step)
    outputs = [_output(step, path, recorded.get(path, ""), md5(folder / path)) for path in step.outs]
    return Rebuilt(step.name, outputs, seconds)


def _output(step: Step, path: str, recorded: str, made: str) -> Output:
    if made == recorded:
        return Output(path, step.name, "reproduced" if made else "not rebuilt", "" if made else "no stage made it")
    return Output(path, step.name, "differs", f"dvc.lock has {recorded[:8]}…" if recorded else "is not in dvc.lock")


def not_rebuilt(step: Step, reason: str, failure: str = "", seconds: float = 0.0) -> Rebuilt:
    """A stage whose outputs were not made."""
    return Rebuilt(step.name, [Output(path, step.name, "not rebuilt", reason) for path in step.outs], seconds, failure)


def recorded_md5(step: Step) -> dict[str, str]:
    """Path -> MD5 of each output of a stage, as dvc.lock has it; without those that it does not have."""
    pairs = zip(step.outs, step.stage.outs, strict=True)
    return {path: out.hash_info.value for path, out in pairs if out.hash_info and out.hash_info.value}


def changed_inputs(step: Step, sources: Mapping[str, str]) -> list[str]:
    """What of a stage's source files, code and parameters has changed since dvc.lock, in the order of its deps.

    sources: path -> MD5 of each path that no stage makes.
    """
    from dvc.dependency import ParamsDependency

    changes: list[str] = []
    for path, dep in zip(step.deps, step.stage.deps, strict=True):
        value = getattr(dep.hash_info, "value", None)
        if isinstance(dep, ParamsDependency):
            changes += [name for one in dep.status().values() for name in (one if isinstance(one, dict) else [path])]
        elif path in sources and value != sources[path]:
            changes.append(path)
    return changes
