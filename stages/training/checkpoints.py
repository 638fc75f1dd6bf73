"""Checkpoints in a run's folder: which are complete, whether training finished, and the loss curve."""

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
    return (work / DONE).is_file()


def finish(work: Path) -> None:
    """Record that training has finished.

    Raises UserError if it has not: Axolotl exits with 0 also when it was interrupted and saved a checkpoint.
    """
    states = [_state(folder) for folder in _checkpoints(work / "model")]
    if not states or states[-1].get("global_step") != states[-1].get("max_steps"):
        raise UserError(f"{work}: training stopped before the last step; run again to go on from its checkpoint")
    artifacts.write_json(work / DONE, {"steps": states[-1]["global_step"]})


def curve(model: Path) -> list[dict[str, float]]:
    """Step, loss and learning rate of every step, from the state of the last checkpoint."""
    folders = _checkpoints(model)
    history = _state(folders[-1]).get("log_history", []) if folders else []
    names = ("step", "loss", "learning_rate")
    return [{name: entry[name] for name in names} for entry in history if all(name in entry for name in names)]


def prune(work: Path) -> None:
    """Remove all files of the folder except the log and the configuration."""
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.startswith(("axolotl.", "qformer.", "lock")):
            path.unlink()


def _checkpoints(model: Path) -> list[Path]:
    folders = [path for path in model.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    return sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]))


def _state(folder: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}


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
