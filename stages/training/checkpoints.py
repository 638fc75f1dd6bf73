"""Checkpoints in a run's folder: which are complete, whether training finished, and the loss curve."""

import json
import shutil
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError

STATE = "trainer_state.json"
DONE = "done.json"
LOG = "axolotl.log"
TRAINED = "trained.json"
"""Written by `run_plugin` when the last step is done."""
TRACKED = "tracked"
"""The folder of what trackers wrote."""
KEPT = ("axolotl.", "qformer.log", "lock", TRACKED)
"""How the names begin of what stays."""
NAMES = {
    "step": "step", "loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm",
    "eval_loss": "validation_loss",
}  # fmt: skip
"""What Transformers logs -> its name in the curve."""


def drop_torn(model: Path, processes: int = 1) -> None:
    """Remove checkpoints that a crash interrupted while they were written, so that training resumes from a complete
    one."""
    for folder in _checkpoints(model):
        if not whole(folder, processes):
            print(f"seqit train: {folder.name} is torn and was removed", file=sys.stderr)
            shutil.rmtree(folder)
    if complete := _checkpoints(model):
        print(f"seqit train: going on from {complete[-1].name}", file=sys.stderr)


def whole(folder: Path, processes: int = 1) -> bool:
    """Whether a checkpoint is complete: its state, which is written last, every file whose format states a length, and
    of several processes the random state of each."""
    if processes > 1 and len(list(folder.glob("rng_state_*.pth"))) < processes:
        return False
    state = _state(folder)
    if state.get("global_step") != int(folder.name.rpartition("-")[2]):
        return False
    weights, archives = list(folder.rglob("*.safetensors")), [*folder.rglob("*.pt"), *folder.rglob("*.pth")]
    return all(map(_whole_safetensors, weights)) and all(map(zipfile.is_zipfile, archives)) and bool(archives)


def finished(work: Path) -> bool:
    """Whether the training in this folder has finished."""
    return (work / DONE).is_file() and (work / TRAINED).is_file()


def finish(work: Path, may_stop_early: bool = False) -> None:
    """Record that training has finished.

    may_stop_early: by the validation loss. Raises UserError if it has not: Axolotl exits with 0 also when it was
    interrupted and saved a checkpoint.
    """
    ended = _read(work / TRAINED)
    if not ended or (ended.get("global_step") != ended.get("max_steps") and not may_stop_early):
        raise UserError(f"{work}: training stopped before the last step; run again to go on from its checkpoint")
    artifacts.write_json(work / DONE, {"steps": ended["global_step"]})


def curve(work: Path) -> list[dict[str, float]]:
    """Step, loss, learning rate, norm of the gradient and validation loss (where there is one) of every step."""
    steps: dict[float, dict[str, float]] = {}
    for entry in _read(work / TRAINED).get("log_history", []):
        values = {ours: entry[theirs] for theirs, ours in NAMES.items() if theirs in entry}
        if "loss" in values or "validation_loss" in values:
            steps[values["step"]] = {**steps.get(values["step"], {}), **values}
    return [values for values in steps.values() if "loss" in values]


def best_step(work: Path) -> int | None:
    """The step whose weights had the lowest validation loss; None where the last ones are kept."""
    step = _read(work / TRAINED).get("best_step")
    return None if step is None else int(step)


def prune(work: Path) -> None:
    """Remove all files of the folder except logs, locks, the configuration and what trackers wrote."""
    for path in work.iterdir():
        if path.name.startswith(KEPT):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _checkpoints(model: Path) -> list[Path]:
    folders = [path for path in model.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    return sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]))


def _state(folder: Path) -> dict[str, Any]:
    return _read(folder / STATE)


def _read(path: Path) -> dict[str, Any]:
    """A JSON document; empty where there is none, or a torn one."""
    try:
        values = json.loads(path.read_bytes())  # and not msgspec, which refuses NaN: the loss of a run that diverged
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _whole_safetensors(path: Path) -> bool:
    """Whether the file has the size that its header implies: 8 bytes of length, the header, the tensors."""
    try:
        with open(path, "rb") as stream:
            length = struct.unpack("<Q", stream.read(8))[0]
            header = msgspec.json.decode(stream.read(length), type=dict[str, Any])
    except (OSError, struct.error, msgspec.DecodeError, OverflowError, MemoryError):
        return False
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return bool(path.stat().st_size == 8 + length + max(ends, default=0))
