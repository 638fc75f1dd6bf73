"""Validate the rows of an artifact against a suite of expectations.

A row that fails an expectation of severity "warning" is quarantined with its reasons; too many of those, or a failed
expectation of severity "critical", stop the stage.
"""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from stages.core.errors import UserError
from stages.validation import columns, console_table, great_expectations_run, language_mismatch, row_schema
from stages.validation.suites import Suite

if TYPE_CHECKING:
    import polars as pl


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
    wrong_language = language_mismatch.mismatch(findings, artifact, _language(frame), len(ids), limit)
    _stop(findings, len(quarantined), len(ids), f"{file}: ", limit, wrong_language)
    return ValidationResult(len(ids), quarantined)


def _language(frame: "pl.DataFrame") -> str:
    """The language that all rows name; "" where the suite has no column for it, or there are several."""
    names = frame["source.language"].drop_nulls().unique().to_list() if "source.language" in frame.columns else []
    return names[0] if len(names) == 1 else ""


def _stop(
    findings: list[great_expectations_run.Finding], quarantined: int, rows: int, where: str, limit: float,
    wrong_language: str = "",
) -> None:  # fmt: skip
    critical = [
        finding
        for finding in findings
        if finding.expectation.severity == "critical"
        and not (wrong_language and language_mismatch.is_about_language(finding))
    ]
    explained = [wrong_language] * bool(wrong_language)
    explained += [finding.failure for finding in critical if finding.expectation.meta]
    if others := [finding.expectation.title for finding in critical if not finding.expectation.meta]:
        explained.append(f"not fit to go on: {'; '.join(others)}; see the table, and the stage that made the file")
    if explained:
        raise UserError(f"{where}{'; '.join(explained)}")
    if quarantined > limit * rows:
        raise UserError(
            f"{where}{quarantined} of {rows} rows would be set aside, more than validate.max_quarantined ({limit:g}) "
            "of them; see the table, and the stage that made the file"
        )
