"""What changed since the version that params.yaml names, for the card of the one that is being written."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import digest
from stages.publishing.changes.change_types import Changes
from stages.publishing.changes.compare_versions import LeftOut, compare_versions
from stages.publishing.changes.left_out import by_receipt
from stages.publishing.changes.published_version import PROVENANCE, Version, open_version
from stages.publishing.facts import Facts
from stages.publishing.hub_copy import PREFIX, download
from stages.publishing.row_hashes import ROW_HASHES

PINNED = re.compile(r"path:(.+)@sha256:([0-9a-f]{64})")


def comparison(reference: str, receipt: artifacts.Receipt) -> Callable[[Path, Facts], Changes]:
    """A function that compares the version of `reference` with the set in a folder.

    reference: hub:ORG/NAME@REVISION or path:FOLDER@sha256:HASH. receipt: that of the artifact, which says which rows
    validation left out. Only these decide the outcome, so that equal inputs give an equal card. Raises UserError for a
    version that can't be read.
    """
    before = open_version(download(reference).folder, reference) if reference.startswith(PREFIX) else _pinned(reference)
    return partial(_compare, before, receipt)


def contents(folder: Path) -> str:
    """SHA-256 over the files of a published set that are compared: names and the hashes of their bytes."""
    paths = [*sorted(folder.glob("data/*.parquet")), folder / PROVENANCE, folder / ROW_HASHES]
    return digest({path.relative_to(folder).as_posix(): artifacts.sha256(path) for path in paths if path.is_file()})


def _pinned(reference: str) -> Version:
    """The set of a folder, whose contents are those that the reference says."""
    match = PINNED.fullmatch(reference)
    folder = Path(match[1] if match else reference.removeprefix("path:").partition("@")[0])
    version = open_version(folder)
    actual = contents(folder) if folder.is_dir() else ""
    if not actual:
        raise UserError(f"{reference}: is no folder; name a copy of data/published/NAME")
    if match is None or match[2] != actual:
        problem = "has other contents than params.yaml says" if match else "does not say which contents"
        raise UserError(f"changes_from: {folder} {problem}; write path:{folder}@sha256:{actual}")
    return version


def _compare(before: Version, receipt: artifacts.Receipt, folder: Path, facts: Facts) -> Changes:
    if before.number == facts.version:
        raise UserError(f"changes_from: {before.name} is version {facts.version} too; raise `version`, or name another")
    files = sorted(folder.glob("data/*.parquet"))
    after = Version(facts.name, files, facts, folder / ROW_HASHES)
    known: tuple[LeftOut, LeftOut] = (lambda ids: {}, partial(by_receipt, receipt))
    return compare_versions(before, after, left_out=known)
