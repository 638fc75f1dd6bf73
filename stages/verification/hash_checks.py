"""Checks the hashes of rows and columns: which cell is not what was published."""

import re
from collections import Counter

from stages.publishing.row_hashes import ROW_HASHES, RowHashes, line
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.published_files import PROVENANCE, PublishedSet
from stages.verification.set_columns import ID, SOURCE_SHA256, Row

OLD = "the set was published before rows and columns had hashes of their own"
NO_PROVENANCE = f"no {PROVENANCE} lies beside the file"
HASH_IN_ID = re.compile(r"-([0-9a-f]{16})(?![0-9a-f])")


class HashCheck:
    """Compares rows, columns, and the hash within each id."""

    def __init__(self, published: PublishedSet) -> None:
        """`published`: the set whose rows are added."""
        self._set, self._hashes = published, RowHashes()
        self._all = CheckLog("rows_sha256", "data sets")
        self._rows, self._ids = CheckLog("row hashes", "rows"), CheckLog("hash of the source within the id", "rows")
        self._lines: list[str] = []

    def add(self, row: Row) -> None:
        """Hash the next row."""
        self._lines.append(line(self._hashes.add(row), row[ID]).rstrip("\n"))
        match = HASH_IN_ID.search(row[ID])
        if match is None or SOURCE_SHA256 not in row:
            self._ids.skip("the id holds no hash")
        elif str(row[SOURCE_SHA256]).startswith(match[1]):
            self._ids.agrees()
        else:
            self._ids.differs(self._set.data, row[ID], SOURCE_SHA256, "does not begin as the hash within the id")

    def results(self) -> list[CheckResult]:
        """Compare with what was published."""
        facts, published = self._set.facts, self._set.row_hashes
        sound = facts is not None and facts.rows_sha256 == self._hashes.total()
        if facts is None:
            self._all.skip(NO_PROVENANCE)
        elif sound:
            self._all.agrees()
        else:
            message = f"the rows have the hash {self._hashes.total()}, {PROVENANCE} says {facts.rows_sha256}"
            self._all.differs(self._set.data, "", "", message)
        if published is None:
            self._missing()
        else:
            self._compare(published, self._suspects(), sound)
        return [log.result() for log in (self._all, self._rows, self._ids)]

    def _missing(self) -> None:
        """Say why there are no row hashes: a set that has hashes of columns was published with them."""
        facts = self._set.facts
        if facts is not None and facts.columns_sha256:
            message = f"is missing; {PROVENANCE} is of a set that was published with it"
            self._rows.differs(str(self._set.hashes_path), "", self._suspects(), message)
        else:
            self._rows.skip(OLD if facts else NO_PROVENANCE, len(self._lines))

    def _suspects(self) -> str:
        """The columns whose hash differs, for messages; "" where provenance.json has no hashes of columns."""
        facts = self._set.facts
        published = (facts.columns_sha256 or {}) if facts else {}
        actual = self._hashes.columns()
        names = [name for name in sorted({*published, *actual}) if published.get(name) != actual.get(name)]
        return ", ".join(names) if published else ""

    def _compare(self, published: list[str], columns: str, sound: bool) -> None:
        file = str(self._set.hashes_path) if sound else self._set.data
        if len(published) == len(self._lines):
            for before, now in zip(published, self._lines, strict=True):
                if before == now:
                    self._rows.agrees()
                else:
                    self._rows.differs(file, now.rpartition("  ")[2], columns, "is not what was published")
            return
        self._rows.agrees((Counter(published) & Counter(self._lines)).total())
        for one in (Counter(self._lines) - Counter(published)).elements():
            self._rows.differs(file, one.rpartition("  ")[2], "", f"is no row of {ROW_HASHES}")
        for one in (Counter(published) - Counter(self._lines)).elements():
            self._rows.differs(file, one.rpartition("  ")[2], "", "was published and is missing or changed")
