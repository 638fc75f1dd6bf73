"""Judge an artifact with Great Expectations and write the receipt that lets it walk on.

Reads data/<artifact>.jsonl and schemas/<suite>.json; writes data/validated/<artifact>.json. Rows that do not meet an
expectation of severity "warning" are named in the receipt with their reasons, and the next stage leaves them out.
If more than `validate.max_quarantined` of params.yaml of the rows are among them, or an expectation of severity
"critical" is not met, a table says what was found, nothing is written and the exit status is not 0.

A suite is Great Expectations' own JSON; which columns it may name is told in stages/validation/columns.py.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from stages import validation
from stages.core import artifacts
from stages.core.cli import entry_names, main, report_losses
from stages.params import load


def validate(
    folder: Annotated[str, typer.Argument(help="A folder under data/: rewritten")],
    names: Annotated[list[str], typer.Argument(help="Artifacts or folders in it: seed-1", callback=entry_names)],
    suite: Annotated[str, typer.Option(help="A file of schemas/, without suffix: rewritten")],
) -> None:
    """Validate each data/FOLDER/NAME.jsonl against schemas/SUITE.json and write data/validated/FOLDER/NAME.json."""
    schema, limit = f"schemas/{suite}.json", load().validation.max_quarantined
    asked = artifacts.read_json(schema, validation.Suite)
    receipts = {}
    for artifact in [one for name in names for one in artifacts.artifacts("data", f"{folder}/{name}")]:
        path = Path("data", f"{artifact}.jsonl")
        verdict = validation.judge(artifacts.lines(path), asked, str(path), schema, limit, artifact)
        receipts[artifact] = artifacts.Receipt(
            artifact=artifact, sha256=artifacts.sha256(path), suite=suite, rows=verdict.rows,
            quarantined=verdict.quarantined, expectations=len(asked.expectations),
        )  # fmt: skip
    for name, receipt in receipts.items():
        artifacts.write_json(f"data/validated/{name}.json", receipt)
        lost = {"set aside": Counter(reasons[0] for reasons in receipt.quarantined.values())}
        report_losses(receipt.rows, lost, see=f"data/validated/{name}.json", name=name)


if __name__ == "__main__":
    main(validate)
