"""Exports of Transformers directories to OpenVINO's formats, made once and cached by the hash of their inputs.

Every model is exported alike, also the packaged one that came as a GGUF: a base model and its fine-tuned versions are
compared at the same precision, and OpenVINO 2026.4 misreads Q4_1. Measured on SmolLM2-135M, 2,048 tokens of English,
against Transformers in float32 (perplexity 41.13): KL divergence 0.26 and perplexity 49.1 for the original file, 0.0006
and 41.1 for our F16 in bfloat16, 0.005 and 41.4 for our Q8_0, at about the same speed.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from stages.core import artifacts
from stages.core.atomic_write import disk, replacing_folder
from stages.core.errors import UserError
from stages.core.records import digest
from stages.core.state_folder import cache
from stages.model_files.gguf import from_directory
from stages.model_files.integrity import check

VERSION = 1
"""To be raised with every change after which an export of the same weights is another file."""
Weights = Literal["float16", "int8"]
PRECISIONS: dict[Weights, str] = {"float16": "F16", "int8": "Q8_0"}
"""Weights -> GGUF's name."""
MAX_EXPORTS = 12
"""Exports kept; the least recently used goes first."""


def export(directory: Path, weights: Weights = "float16") -> Path:
    """The folder that holds a Transformers directory's model.gguf, written at the first use.

    Raises UserError for a directory that is no model, or none that the embedded engine runs.
    """
    check(directory)
    parts = [directory / "config.json", directory / "tokenizer.json", *sorted(directory.glob("*.safetensors"))]
    source: dict[str, Any] = {path.name: artifacts.sha256(path) for path in parts} | {"version": VERSION}
    # Left out for float16: exports from before there was a choice are used as they are.
    chosen = {} if weights == "float16" else {"weights": weights}
    folder = cache() / "exports" / digest(source | chosen, 32)
    with _locked(folder.parent):
        if not folder.is_dir():
            with disk(folder), replacing_folder(folder) as made:
                from_directory(directory, made / "model.gguf", PRECISIONS[weights])
        os.utime(folder)
        for old in sorted(folder.parent.glob("*/"), key=lambda path: path.stat().st_mtime)[:-MAX_EXPORTS]:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def export_graph(folder: Path) -> Path:
    """An exported model as an OpenVINO graph (.xml), which unlike a pipeline gives logits; written at the first use."""
    target = folder.with_name(f"{folder.name}-graph")
    with _locked(folder.parent):
        if not target.is_dir():
            with disk(target), replacing_folder(target) as made:
                _save(folder / "model.gguf", made)
        os.utime(target)
    return target / "openvino_model.xml"


def _save(source: Path, folder: Path) -> None:
    import openvino_genai

    # OpenVINO's GGUF reader has no API of its own: a pipeline with this option writes its graph beside the file.
    (folder / "model.gguf").symlink_to(source.absolute())
    config, options = openvino_genai.SchedulerConfig(), {"enable_save_ov_model": True}
    try:
        openvino_genai.ContinuousBatchingPipeline(str(folder / "model.gguf"), config, "CPU", options)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-200:]
        raise UserError(
            f"{folder.parent}: no graph of the model could be saved ({reason}); free some disk and run again"
        ) from None
    (folder / "model.gguf").unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A lock between processes: two stages that start together make one export."""
    with disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("w")
    with stream as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
