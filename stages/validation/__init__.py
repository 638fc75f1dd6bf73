"""Is an artifact fit to walk on? polars computes, Great Expectations judges; this is its only importer.

A row that does not meet an expectation is set aside with its reasons; too many of those, or something wrong with
the whole, stops the stage.
"""

import sys
from collections.abc import Iterable

import msgspec

from stages.core.errors import UserError
from stages.validation import columns, console_table, great_expectations_run, row_schema
from stages.validation.suites import Suite

__all__ = ["Suite", "Verdict", "judge"]


class Verdict(msgspec.Struct, frozen=True):
    """An artifact that may walk on."""

    rows: int
    quarantined: dict[str, list[str]]
    """Row id -> titles of the expectations that it did not meet, in the suite's order, after `row_schema.NUL`."""


def judge(
    rows: Iterable[tuple[int, bytes]], suite: Suite, file: str, suite_file: str, limit: float, artifact: str = ""
) -> Verdict:
    """Judge the rows of one artifact.

    rows: (line number, JSON object). file, suite_file: names for messages. limit: share of rows that may be set aside.
    artifact: its name, by which it is known what the next stages take for a row; "" for rows of any kind.
    Raises UserError, after a table on stderr that says what was found, when a critical expectation is not met or
    more rows than that do not meet another; and for a suite or for rows that can't be read.
    """
    nuls: list[int] = []
    whole = row_schema.checked(rows, artifact, file, nuls) if artifact else rows
    frame = columns.table(whole, suite.columns(), file, suite_file)
    found = great_expectations_run.findings(frame, suite, suite_file)
    ids = frame["id"].to_list()
    quarantined: dict[str, list[str]] = {ids[row]: [row_schema.NUL] for row in nuls}
    for finding in found:
        for row in finding.rows:
            quarantined.setdefault(ids[row], []).append(finding.expectation.title)
    if nuls:
        print(f"{file}: {len(nuls)} rows set aside, each of which {row_schema.NUL}", file=sys.stderr)
    console_table.show(found, ids, f"{file} against {suite_file}")
    _stop(found, len(quarantined), len(ids), f"{file}: ", limit)
    return Verdict(len(ids), quarantined)


def _stop(found: list[great_expectations_run.Finding], aside: int, rows: int, where: str, limit: float) -> None:
    critical = [finding.expectation.title for finding in found if finding.expectation.severity == "critical"]
    if critical:
        raise UserError(
            f"{where}not fit to go on: {'; '.join(critical)}; see the table, and the stage that made the file"
        )
    if aside > limit * rows:
        raise UserError(
            f"{where}{aside} of {rows} rows would be set aside, more than validate.max_quarantined ({limit:g}) "
            "of them; see the table, and the stage that made the file"
        )
