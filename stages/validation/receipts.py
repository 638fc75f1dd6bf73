"""Receipts of artifacts: validate files under data/ and write what later stages read them by."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.cli import report_losses
from stages.core.errors import UserError
from stages.validation.columns import FEW_OF
from stages.validation.row_validation import validate_rows
from stages.validation.suites import Suite


def write_receipts(
    names: list[str], suite: str, limit: float, parameters: Mapping[str, float | None], dry_run: bool = False
) -> None:
    """Validate each data/NAME.jsonl against schemas/SUITE.json and write its receipt, all or none.

    limit: `validate.max_quarantined`. parameters: values of the suite's parameters; null leaves out the expectations
    that name one. dry_run: rows are stand-ins for those of a run, so they count as valid. Raises
    UserError, after a table on stderr, for an artifact that is not valid.
    """
    if dry_run:
        for artifact in names:
            assume_valid(artifact, suite)
        return
    schema = f"schemas/{suite}.json"
    expectations = artifacts.read_json(schema, Suite).resolved(parameters, schema)
    receipts = {}
    for artifact in names:
        path = Path("data", f"{artifact}.jsonl")
        if expectations.may_be_empty and not any(True for _ in artifacts.lines(path)):
            assume_valid(artifact, suite)
            continue
        result = validate_rows(artifacts.lines(path), expectations, str(path), schema, limit, artifact)
        receipts[artifact] = artifacts.Receipt(
            artifact=artifact, sha256=artifacts.sha256(path), suite=suite, rows=result.rows,
            quarantined=result.quarantined, expectations=len(expectations.expectations),
        )  # fmt: skip
    for name, receipt in receipts.items():
        artifacts.write_json(f"data/validated/{name}.json", receipt)
        lost = {"set aside": Counter(reasons[0] for reasons in receipt.quarantined.values())}
        report_losses(receipt.rows, lost, see=f"data/validated/{name}.json", name=name)


def refuse_losses(name: str, rows: int, rejected: Mapping[str, int], limit: float | None, change: str) -> None:
    """Raise UserError where more than the share `limit` of `rows` were rejected; a few rows are never too many.

    name: the artifact without the rejected rows. rejected: reason -> rows. limit: `validate.max_failed`. change: what
    to change.
    """
    lost = sum(rejected.values())
    if limit is not None and rows >= FEW_OF["outcome"] and lost > limit * rows:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in Counter(rejected).most_common())
        raise UserError(
            f"data/{name}.rejected.jsonl: {lost:,} of {rows:,} rows were rejected ({reasons}), more than "
            f"validate.max_failed ({limit:g}) of them; {change}; validate.max_failed: null allows it"
        )


def assume_valid(artifact: str, suite: str, folder: Path = Path()) -> None:
    """Write the receipt of an artifact below `folder` as if every row met every expectation.

    A receipt that is there for the same bytes is kept.
    """
    receipt, data = folder / f"data/validated/{artifact}.json", folder / f"data/{artifact}.jsonl"
    sha256 = artifacts.sha256(data)
    if receipt.exists() and artifacts.read_json(receipt, artifacts.Receipt).sha256 == sha256:
        return
    rows = sum(1 for _ in artifacts.lines(data))
    expectations = artifacts.read_json(folder / f"schemas/{suite}.json", dict[str, Any])["expectations"]
    artifacts.write_json(receipt, artifacts.Receipt(artifact, sha256, suite, rows, {}, len(expectations)))
