"""Validate the rows of an artifact against a suite of expectations.

A row that fails an expectation of severity "warning" is quarantined with its reasons; too many of those, or a failed
expectation of severity "critical", stop the stage.
"""

import sys
from collections.abc import Iterable

import msgspec

from stages.core.errors import UserError
from stages.validation import columns, console_table, great_expectations_run, row_schema
from stages.validation.suites import Suite


class ValidationResult(msgspec.Struct, frozen=True):
    """The result for a valid artifact."""

    rows: int
    quarantined: dict[str, list[str]]
    """Row id -> titles of the expectations that it failed, in the suite's order, after `row_schema.NUL`."""


def validate_rows(
    rows: Iterable[tuple[int, bytes]], suite: Suite, file: str, suite_file: str, limit: float, artifact: str = ""
) -> ValidationResult:
    """Validate the rows of one artifact.

    rows: (line number, JSON object). file, suite_file: names for messages. limit: share of rows that may be
    quarantined. artifact: its name, which determines the fields of its rows; "" for rows of any kind. Raises UserError,
    after a table on stderr, when a critical expectation fails or more rows than `limit` fail another, and for a suite
    or rows that can't be read.
    """
    nuls: list[int] = []
    whole = row_schema.checked(rows, artifact, file, nuls) if artifact else rows
    frame = columns.table(whole, suite.columns(), file, suite_file)
    findings = great_expectations_run.findings(frame, suite, suite_file)
    ids = frame["id"].to_list()
    quarantined: dict[str, list[str]] = {ids[row]: [row_schema.NUL] for row in nuls}
    for finding in findings:
        for row in finding.rows:
            quarantined.setdefault(ids[row], []).append(finding.expectation.title)
    if nuls:
        print(f"{file}: {len(nuls)} rows set aside, each of which {row_schema.NUL}", file=sys.stderr)
    console_table.show(findings, ids, f"{file} against {suite_file}")
    _stop(findings, len(quarantined), len(ids), f"{file}: ", limit)
    return ValidationResult(len(ids), quarantined)


def _stop(
    findings: list[great_expectations_run.Finding], quarantined: int, rows: int, where: str, limit: float
) -> None:
    critical = [finding for finding in findings if finding.expectation.severity == "critical"]
    explained = [finding.failure for finding in critical if finding.expectation.meta]
    if others := [finding.expectation.title for finding in critical if not finding.expectation.meta]:
        explained.append(f"not fit to go on: {'; '.join(others)}; see the table, and the stage that made the file")
    if explained:
        raise UserError(f"{where}{'; '.join(explained)}")
    if quarantined > limit * rows:
        raise UserError(
            f"{where}{quarantined} of {rows} rows would be set aside, more than validate.max_quarantined ({limit:g}) "
            "of them; see the table, and the stage that made the file"
        )
