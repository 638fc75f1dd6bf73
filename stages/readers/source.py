"""Open a source of params.yaml: the selected files of a corpus, or those of a benchmark by name."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from stages.core import artifacts
from stages.core.compression import plain
from stages.core.errors import UserError
from stages.readers import formats
from stages.readers.formats import Raw
from stages.readers.layout import Choice, Wanted, matching, select

__all__ = ["Choice", "Corpus", "Download"]

README = "README.md"
TRAIN = Wanted("train")
NO_CHOICE = Choice()


class Corpus:
    """The selected files of a corpus: those of its train split, unless params.yaml names others."""

    def __init__(self, path: str, choice: Choice = NO_CHOICE) -> None:
        """Raises UserError if the selection is ambiguous."""
        self._path, names = path, _names(path, choice)
        if _is_file(path):
            self._chosen, self.note = names, ""
        else:
            self._chosen, self.note = select(path, names, TRAIN, choice, _readme(path, names))
        """`note`: for people, which files were left out; "" for none."""

    def rows(self, names: Collection[str]) -> Iterator[Raw]:
        """Its rows; `names` are columns by which a header is known. Raises UserError as `formats.rows` does."""
        return formats.rows(self._path, artifacts.files(self._path, self._chosen), names)


class Download(Mapping[str, bytes]):
    """The files of a benchmark by name, without the endings of compressions; each is read when it is looked up."""

    def __init__(self, path: str, choice: Choice = NO_CHOICE) -> None:
        """Raises UserError for a source that is not there, or a glob of `choice` that matches no file."""
        names = _names(path, choice)
        self.path, self.choice = path, choice
        kept = [name for name in names if name == README or not choice.files]
        self._names = {
            plain(name): name for name in [*kept, *(matching(path, names, choice.files) if choice.files else [])]
        }

    def __getitem__(self, name: str) -> bytes:
        """The contents of a file, uncompressed. Raises KeyError for none, UserError where it can't be read."""
        return next(iter(artifacts.contents(self.path, [self._names[name]]).values()))

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._names)


def _names(path: str, choice: Choice) -> list[str]:
    if Path(path).exists() and not (Path(path).is_dir() or Path(path).is_file()):
        raise UserError(f"{path}: is a pipe or a device, which can be read but once; save its contents as a file")
    if any(choice) and _is_file(path):
        raise UserError(f"{path}: is one file; split, config and files choose among those of a folder: remove them")
    return artifacts.names(path)


def _is_file(path: str) -> bool:
    return not Path(path).is_dir()


def _readme(path: str, names: list[str]) -> str:
    return artifacts.contents(path, [README])[README].decode(errors="replace") if README in names else ""
