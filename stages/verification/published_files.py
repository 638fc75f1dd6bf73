"""Opens a published data set: its Parquet files, card, provenance.json and row hashes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.publishing.facts import Facts
from stages.publishing.row_hashes import ROW_HASHES
from stages.readers import columnar
from stages.verification.check_results import CheckResult, Mismatch
from stages.verification.set_columns import ID, Row

PROVENANCE, CARD = "provenance.json", "README.md"


class PublishedSet(msgspec.Struct, frozen=True):
    """A published data set on the disk."""

    folder: Path
    files: list[Path]
    """The Parquet files, in order."""
    facts: Facts | None
    """Of provenance.json; None for a Parquet file without one."""
    card: str | None
    row_hashes: list[str] | None
    """The lines of ROW_HASHES; None where a set was published without it."""

    @property
    def hashes_path(self) -> Path:
        """Where ROW_HASHES lies, or would lie."""
        return self.folder / ROW_HASHES

    @property
    def out(self) -> str:
        """Path of the folder in a dvc.lock; "" for none."""
        return f"data/published/{self.facts.name}" if self.facts else ""

    @property
    def data(self) -> str:
        """The Parquet file for messages; of several, their folder."""
        return str(self.files[0] if len(self.files) == 1 else self.files[0].parent)

    def rows(self) -> Iterator[Row]:
        """All rows in order. Raises UserError for a file that is damaged, or holds no column `id`."""
        for path in self.files:
            for _, stream in artifacts.files(path):
                for _, row in columnar.parquet(str(path), stream):
                    if not isinstance(row.get(ID), str):
                        raise UserError(f"{path}: has no column `{ID}` of text; name a data set that seqit published")
                    yield row

    def located(self, mismatch: Mismatch) -> Mismatch:
        """A difference of a row with the file in which its column lies."""
        return mismatch

    def parts(self) -> list[tuple[list[Path], Sequence[str] | None]]:
        """Files, and the columns of `facts` that each of them has; None for all."""
        return [(self.files, None)]

    def own_results(self) -> list[CheckResult]:
        """What reading the rows has told, after the last of them."""
        return []


def open_set(target: Path) -> PublishedSet:
    """The data set of a folder, or of a Parquet file with what lies beside it or in the folder above.

    Raises UserError where there is none.
    """
    if target.is_dir():
        files = sorted(path for path in target.glob("data/*.parquet") if path.is_file())
        if not files or not (target / PROVENANCE).is_file():
            missing = "data/*.parquet" if not files else PROVENANCE
            raise UserError(f"{target}: holds no {missing}; name a folder data/published/NAME or a Parquet file")
        return _read(target, files)
    if not target.is_file():
        raise UserError(f"{target}: no such folder or file; name a folder data/published/NAME or a Parquet file")
    folder = next((one for one in (target.parent, target.parent.parent) if (one / PROVENANCE).is_file()), None)
    return _read(folder, [target]) if folder else PublishedSet(target.parent, [target], None, None, None)


def _read(folder: Path, files: list[Path]) -> PublishedSet:
    card, hashes = folder / CARD, folder / ROW_HASHES
    return PublishedSet(
        folder, files, artifacts.read_json(folder / PROVENANCE, Facts),
        artifacts.read_text(card) if card.is_file() else None,
        artifacts.read_text(hashes).splitlines() if hashes.is_file() else None,
    )  # fmt: skip
