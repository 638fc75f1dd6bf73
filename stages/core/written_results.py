"""Reads what stages may have written: documents and rows of which some are not there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from stages.core import artifacts

T = TypeVar("T")


def existing(pattern: str, names: Iterable[str]) -> list[tuple[str, Path]]:
    """Those of `names` of which there is a file, with the file. pattern: its path, with {} for the name."""
    return [(name, path) for name in names if (path := Path(pattern.format(name))).exists()]


def documents(pattern: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name -> JSON document, of those that exist. Raises UserError for a file that is none."""
    return {name: artifacts.read_json(path, dict[str, Any]) for name, path in existing(pattern, names)}


def rows(artifact: str | None, type: type[T]) -> list[T]:
    """The rows of data/ARTIFACT.jsonl; [] for None and where there is no such file.

    Raises UserError for a row that is no `type`.
    """
    path = Path(f"data/{artifact}.jsonl")
    if artifact is None or not path.exists():
        return []
    return [*artifacts.read(path, type)]


class ValidatedRows(Generic[T]):
    """The rows of an artifact that passed validation, read anew at each iteration; none where there is no such file."""

    def __init__(self, artifact: str | None, type: type[T]) -> None:
        """artifact: a path below data/ without .jsonl, or None."""
        self._artifact, self._type = artifact, type

    def __iter__(self) -> Iterator[T]:
        """Raises UserError for a row that is no `type`, and for a missing or old receipt."""
        if self._artifact is None or not Path(f"data/{self._artifact}.jsonl").exists():
            return iter(())
        return artifacts.artifact(self._artifact, self._type)


def texts(pattern: str, names: Iterable[str]) -> dict[str, str]:
    """Name -> text, of those that exist. Raises UserError for a file that is not UTF-8."""
    return {name: artifacts.read_text(path) for name, path in existing(pattern, names)}
