"""Reads what stages may have written: documents and rows of which some are not there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from stages.core import artifacts

T = TypeVar("T")


def existing(pattern: str, names: Iterable[str]) -> list[tuple[str, Path]]:
    """Those of `names` of which there is a file, with the file. pattern: its path, with {} for the name."""
    return [(name, path) for name in names if (path := Path(pattern.format(name))).exists()]


def documents(pattern: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name -> JSON document, of those that exist. Raises UserError for a file that is none."""
    return {name: artifacts.read_json(path, dict[str, Any]) for name, path in existing(pattern, names)}


def rows(artifact: str | None, type: type[T], validated: bool = False) -> list[T]:
    """The rows of data/ARTIFACT.jsonl; [] for None and where there is no such file.

    validated: only those that passed validation; the receipt must then be there. Raises UserError for a row that is no
    `type`.
    """
    path = Path(f"data/{artifact}.jsonl")
    if artifact is None or not path.exists():
        return []
    return [*(artifacts.artifact(artifact, type) if validated else artifacts.read(path, type))]


def texts(pattern: str, names: Iterable[str]) -> dict[str, str]:
    """Name -> text, of those that exist. Raises UserError for a file that is not UTF-8."""
    return {name: artifacts.read_text(path) for name, path in existing(pattern, names)}
