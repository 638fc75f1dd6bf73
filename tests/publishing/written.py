"""Published data sets as the bytes of their files."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stages.core.artifacts import Receipt
from stages.core.records import Record
from stages.publishing.dataset import Publication, write_dataset


def publication(
    name: str,
    version: str,
    reads: str,
    records: Callable[[], Iterable[Record]],
    form: Any = "rows",
    repository: str | None = None,
    receipt: Receipt | None = None,
) -> dict[str, bytes]:
    """Every file of a published data set by its path."""
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), Publication(name, version, reads, form, repository), records, receipt)
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
