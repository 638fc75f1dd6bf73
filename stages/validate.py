"""Judge an artifact with Great Expectations and write the receipt that lets it walk on.

Reads data/<artifact>.jsonl and schemas/<suite>.json; writes data/validated/<artifact>.json. Rows that do not meet an
expectation of severity "warning" are named in the receipt with their reasons, and the next stage leaves them out.
If more than `validate.max_quarantined` of params.yaml of the rows are among them, or an expectation of severity
"critical" is not met, a table says what was found, nothing is written and the exit status is not 0.

A suite is Great Expectations' own JSON; its columns are documented in stages/validation/columns.py.
"""

from typing import Annotated

import typer

from stages.core import artifacts
from stages.core.cli import entry_names, main
from stages.params import load
from stages.validation.receipts import write_receipts


def validate(
    folder: Annotated[str, typer.Argument(help="A folder under data/: rewritten")],
    names: Annotated[list[str], typer.Argument(help="Artifacts or folders in it: seed-1", callback=entry_names)],
    suite: Annotated[str, typer.Option(help="A file of schemas/, without suffix: rewritten")],
) -> None:
    """Validate each data/FOLDER/NAME.jsonl against schemas/SUITE.json and write data/validated/FOLDER/NAME.json."""
    every = [one for name in names for one in artifacts.artifacts("data", f"{folder}/{name}")]
    validation = load().validation
    write_receipts(every, suite, validation.max_quarantined, validation.thresholds)


if __name__ == "__main__":
    main(validate)
