"""Checks that a Transformers directory is complete and that its files can be read.

Of weights only the headers are read, so that this is fast for large models too; damage within tensors is not noticed.
"""

from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.model_files.token_lengths import tokenizer

NEEDED = {
    "config.json": "the folder is not a Transformers model",
    "tokenizer.json": "save its tokenizer into it with `AutoTokenizer.from_pretrained(…).save_pretrained(…)`",
    "*.safetensors": "save the model with `save_pretrained(…, safe_serialization=True)`",
}
"""Files that a model must have -> what to do if one is missing."""
INDEX = "*.safetensors.index.json"
"""The index of weights in several files."""


def check(directory: Path, name: str = "") -> None:
    """Raise UserError unless `directory` is a complete Transformers model; messages call it `name`."""
    try:
        _check(directory)
    except UserError as error:
        raise UserError(str(error).replace(str(directory), name or str(directory))) from None


def _check(directory: Path) -> None:
    for pattern, remedy in NEEDED.items():
        if not any(path.is_file() for path in directory.glob(pattern)):
            raise UserError(f"{directory}: has no {pattern}; {remedy}")
    documents = {path: _document(path) for path in sorted(directory.glob("*.json"))}
    if not isinstance(documents[directory / "config.json"].get("model_type"), str):
        raise UserError(f"{directory}/config.json: names no model_type; save the model again, or download it again")
    tokenizer(directory)
    for path, document in documents.items():
        if path.match(INDEX):
            _check_index(path, document)
    for path in sorted(directory.glob("*.safetensors")):
        _check_weights(path)


def _document(path: Path) -> dict[str, Any]:
    try:
        return artifacts.read_json(path, dict[str, Any])
    except UserError as error:
        raise UserError(f"{error}, or download it again") from None


def _check_index(path: Path, document: dict[str, Any]) -> None:
    named = document.get("weight_map")
    files = set(named.values()) if isinstance(named, dict) else set()
    if missing := sorted(str(file) for file in files if not (path.parent / str(file)).is_file()):
        raise UserError(f"{path}: names {missing[0]}, which is not there; download the model again")


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged or cut short ({error}); download it again, or save the model again") from None
