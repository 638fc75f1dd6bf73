"""Hashes of a published set by row and by column: together they name the cell that was changed."""

import hashlib
from typing import Any

from stages.core.records import canonical

ROW_HASHES = "rows.sha256"
"""File of a published set: for each row in order its hash, two spaces, and its id."""
DIGITS = 32
"""Hexadecimal digits of a row's hash."""


class RowHashes:
    """Hashes the rows of a set in order."""

    def __init__(self) -> None:
        """No row yet."""
        self._all = hashlib.sha256()
        self._columns: dict[str, Any] = {}

    def add(self, row: dict[str, Any]) -> str:
        """The first `DIGITS` digits of the SHA-256 of a row as canonical JSON."""
        parts = {name: canonical(value) for name, value in sorted(row.items())}
        text = b"{%b}" % b",".join([b"%b:%b" % (canonical(name), part) for name, part in parts.items()])
        self._all.update(text + b"\n")
        for name, part in parts.items():
            if name not in self._columns:
                self._columns[name] = hashlib.sha256()
            self._columns[name].update(part + b"\n")
        return hashlib.sha256(text).hexdigest()[:DIGITS]

    def total(self) -> str:
        """SHA-256 over the rows as canonical JSON, one a line."""
        return self._all.hexdigest()

    def columns(self) -> dict[str, str]:
        """Column -> SHA-256 over its values as canonical JSON, one a line."""
        return {name: one.hexdigest() for name, one in sorted(self._columns.items())}


class SourceHashes:
    """Hashes the source rows of a set by their reference, in the order of the published rows."""

    def __init__(self) -> None:
        """No row yet."""
        self._hashes: dict[str, Any] = {}

    def add(self, reference: str, source_sha256: str) -> None:
        """Add the source row of a published row."""
        self._hashes.setdefault(reference, hashlib.sha256()).update(f"{source_sha256}\n".encode())

    def totals(self) -> dict[str, str]:
        """Reference -> SHA-256 over the hashes of its source rows, one a line."""
        return {reference: one.hexdigest() for reference, one in sorted(self._hashes.items())}


def line(row_hash: str, id: str) -> str:
    """A line of ROW_HASHES."""
    return f"{row_hash}  {id}\n"
