"""DVC's command line without warnings about files that are empty in a sound run.

DVC warns of every empty output (dvc/output.py), such as a file of rejected rows. Its other warnings stay. Run as
`python -m stages.execution.dvc_program repro`.
"""

import logging
import sys

EMPTY = "'%s' is empty."
"""The template of the warning."""
USUAL = (".rejected.jsonl' is empty.", ".flags.jsonl' is empty.")
"""Ends of warnings about files that are empty in a sound run."""
LOGGER = "dvc.output"
"""The module of DVC that gives it."""


def is_wanted(record: logging.LogRecord) -> bool:
    """Whether a message of DVC's is anything but the warning that a file of rejected rows is empty."""
    return record.msg != EMPTY or not record.getMessage().endswith(USUAL)


def main() -> int:
    """Run DVC with the arguments of this process; returns its exit status."""
    from dvc.cli import main as run

    logging.getLogger(LOGGER).addFilter(is_wanted)
    return int(run(sys.argv[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
