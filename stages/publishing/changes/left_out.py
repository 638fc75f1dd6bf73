"""Why a checkout left rows out of a published set, by its validation receipt and its files of rejected rows."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.publishing.changes.change_types import Cause, Kind

KINDS: dict[str, Kind] = {"decontaminated": "decontamination"}
"""Folder of data/ -> kind, for those that do not lose rows because they could not be used."""
FIRST = ("ingested", "decontaminated")
"""Folders of data/ whose rejected rows no later stage sees."""


class _Lost(msgspec.Struct, frozen=True):
    """What is read of a rejected row."""

    id: str
    reason: str


def by_receipt(receipt: artifacts.Receipt, ids: Iterable[str]) -> dict[str, Cause]:
    """Id -> the expectations that the row failed, for those of `ids` that validation left out."""
    failed = ((id, receipt.quarantined.get(id)) for id in ids)
    return {id: Cause("validation", what=", ".join(reasons)) for id, reasons in failed if reasons}


def by_checkout(top: Path, artifact: str, ids: set[str]) -> Mapping[str, Cause]:
    """Id -> why the checkout at `top` has no such row in an artifact, for those of `ids` whose reason a file says.

    A row that a round rejects may be in the artifact of another one: of files other than those of `FIRST` only that of
    the artifact itself is read. Raises UserError for a file that can't be read.
    """
    causes: dict[str, Cause] = {}
    for folder, path in _files(top / "data", artifact):
        for row in artifacts.read(path, _Lost):
            if row.id in ids and row.id not in causes:
                stage = "" if folder in KINDS else folder
                causes[row.id] = Cause(KINDS.get(folder, "lost"), stage, row.reason)
    receipt = top / "data/validated" / f"{artifact}.json"
    if receipt.is_file():
        causes |= by_receipt(artifacts.read_json(receipt, artifacts.Receipt), ids - causes.keys())
    return causes


def _files(data: Path, artifact: str) -> Iterator[tuple[str, Path]]:
    """(folder of data/, file of rejected rows)."""
    for folder in FIRST:
        yield from ((folder, path) for path in sorted((data / folder).glob("*.rejected.jsonl")))
    own = data / f"{artifact}.rejected.jsonl"
    if own.is_file() and artifact.partition("/")[0] not in FIRST:
        yield artifact.partition("/")[0], own
