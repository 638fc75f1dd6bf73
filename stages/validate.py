"""Judge an artifact with Great Expectations and write the receipt that lets it walk on.

Reads data/<artifact>.jsonl and schemas/<suite>.json; writes data/validated/<artifact>.json. Rows that do not meet an
expectation of severity "warning" are named in the receipt with their reasons, and the next stage leaves them out.
If more than LIMIT (validate.max_quarantined in params.yaml) of the rows are among them, or an expectation of severity
"critical" is not met, a table says what was found, nothing is written and the exit status is not 0.

A suite is Great Expectations' own JSON; which columns it may name is told in stages/expectations/columns.py.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from stages import expectations, jsonl
from stages.cli import main, report_losses


def validate(
    artifacts: Annotated[
        list[str], typer.Argument(help="What is judged: rewritten/seed-1, or all of a folder: answered/it")
    ],
    suite: Annotated[str, typer.Option(help="A file of schemas/, without suffix: rewritten")],
    limit: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that may be set aside")],
) -> None:
    """Judge each data/ARTIFACT.jsonl against schemas/SUITE.json and write data/validated/ARTIFACT.json."""
    schema = f"schemas/{suite}.json"
    asked = jsonl.read_json(schema, expectations.Suite)
    receipts = {}
    for name in [name for artifact in artifacts for name in jsonl.artifacts("data", artifact)]:
        path = Path("data", f"{name}.jsonl")
        verdict = expectations.judge(jsonl.lines(path), asked, str(path), schema, limit, name)
        receipts[name] = jsonl.Receipt(
            artifact=name, sha256=jsonl.sha256(path), suite=suite, rows=verdict.rows,
            quarantined=verdict.quarantined, expectations=len(asked.expectations),
        )  # fmt: skip
    for name, receipt in receipts.items():
        jsonl.write_json(f"data/validated/{name}.json", receipt)
        lost = {"set aside": Counter(reasons[0] for reasons in receipt.quarantined.values())}
        report_losses(receipt.rows, lost, see=f"data/validated/{name}.json", name=name)


if __name__ == "__main__":
    main(validate)
