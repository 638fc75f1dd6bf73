"""Compares the source rows that published rows name with the user's copy of a corpus."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from stages.core.errors import UserError
from stages.core.records import digest
from stages.readers.source import Choice, Corpus
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.set_columns import ID, SOURCE_REFERENCE, SOURCE_ROW, SOURCE_SHA256, Row

Hashes = dict[tuple[str, int], str]
"""(file below the source folder, "" for a single file; 0-based position) -> SHA-256 of the row."""


class _Copy:
    """The user's copy of a corpus."""

    def __init__(self, path: Path) -> None:
        self.path, self.hashes = path, source_hashes(path)
        self.places = {sha256: f"{file} {number}".strip() for (file, number), sha256 in self.hashes.items()}


class SourceCheck:
    """Compares positions and hashes of source rows."""

    def __init__(self, data: str, corpora: Mapping[str, Path]) -> None:
        """corpora: reference -> its file or folder, as `named_corpora` gives them. Raises UserError for one that can't
        be read."""
        self._data, self._corpora = data, {name: _Copy(path) for name, path in corpora.items()}
        self._log = CheckLog("source rows", "rows")

    def add(self, row: Row) -> None:
        """Compare a row's source."""
        if SOURCE_REFERENCE not in row or SOURCE_ROW not in row:
            self._log.skip("the rows do not say where they are from")
            return
        reference, number = row[SOURCE_REFERENCE], row[SOURCE_ROW]
        copy, file = self._copy_of(reference)
        if copy is None:
            self._log.skip(f"no copy of {reference} was given (--corpus)")
            return
        path, actual = copy.path, copy.hashes.get((file, number))
        if actual == row[SOURCE_SHA256]:
            self._log.agrees()
        elif actual is not None and (place := copy.places.get(row[SOURCE_SHA256])) is not None:
            self._log.differs(self._data, row[ID], SOURCE_ROW, f"says {number}; in {path} that row is {place}")
        elif actual is None:
            self._log.differs(self._data, row[ID], SOURCE_ROW, f"says {number}; {path} has no such row")
        else:
            message = f"says {row[SOURCE_SHA256]}; row {number} of {path} has {actual}"
            self._log.differs(self._data, row[ID], SOURCE_SHA256, message)

    def _copy_of(self, reference: str) -> tuple["_Copy | None", str]:
        """The copy of a reference, and the file below it that the reference names after a #."""
        if reference in self._corpora:
            return self._corpora[reference], ""
        whole, _, file = reference.rpartition("#")
        return self._corpora.get(whole), file

    def results(self) -> list[CheckResult]:
        """The outcome."""
        return [self._log.result()]


def named_corpora(words: list[str], references: list[str]) -> dict[str, Path]:
    """Reference -> copy, of words FILE or REFERENCE=FILE.

    A FILE alone is the copy of the one reference with its name, or of the only one that there is. Raises UserError for
    a word that fits none.
    """
    whole = list(dict.fromkeys(reference.partition("#")[0] for reference in references))
    return dict(_named(word, whole) for word in words)


def _named(word: str, references: list[str]) -> tuple[str, Path]:
    for reference in references:
        if word.startswith(f"{reference}="):
            return reference, _there(word.removeprefix(f"{reference}="), word)
    if "=" in word and not Path(word).exists():
        known, named = ", ".join(references) or "none", word.rpartition("=")[0]
        raise UserError(f"--corpus {word}: {named} is no source of this set; sources are {known}")
    alike = [one for one in references if PurePosixPath(one.partition(":")[2]).name == Path(word).name]
    chosen = alike or references
    if len(chosen) != 1:
        known = ", ".join(references) or "none"
        raise UserError(f"--corpus {word}: say of which source it is the copy, REFERENCE={word}; sources are {known}")
    return chosen[0], _there(word, word)


def _there(path: str, word: str) -> Path:
    """The path. Raises UserError where nothing is there."""
    if not path or not Path(path).exists():
        raise UserError(f"--corpus {word}: no such file or folder; name your copy of the source")
    return Path(path)


def source_hashes(path: Path) -> Hashes:
    """The hash of every row of a corpus. Raises UserError where it can't be read."""
    return dict(_hashes(path))


def _hashes(path: Path) -> Iterator[tuple[tuple[str, int], str]]:
    for raw in Corpus(str(path), Choice()).rows(set()):
        yield (raw.file, raw.number), digest(raw.row)
