"""DVC's command line without warnings about files that are empty in a sound run; records which stages failed.

DVC warns of every empty output (dvc/output.py), such as a file of rejected rows. Its other warnings stay. Run as
`python -m stages.execution.dvc_program repro`.
"""

import logging
import re
import sys

from stages.core.run_messages import record_failure

EMPTY = "'%s' is empty."
"""The template of the warning."""
USUAL = (".rejected.jsonl' is empty.", ".flags.jsonl' is empty.", "data/benchmark_index/benchmarks' is empty.")
"""Ends of warnings about outputs that are empty in a sound run, the last one without benchmarks."""
LOGGER = "dvc.output"
"""The module of DVC that gives it."""


def is_wanted(record: logging.LogRecord) -> bool:
    """Whether a message of DVC's is anything but the warning about an output that is empty in a sound run."""
    return record.msg != EMPTY or not record.getMessage().endswith(USUAL)


FAILED = re.compile(r"failed to reproduce(?: stages:)? ('.*')", re.DOTALL)
"""The message of the error with which `dvc repro` ends (dvc/repo/reproduce.py)."""


class FailureRecorder(logging.Handler):
    """Records the stages that DVC says it could not reproduce."""

    def emit(self, record: logging.LogRecord) -> None:
        """Record the stages that the error of a message names, if it is DVC's last one."""
        for stage in failed_stages(record):
            record_failure(stage)


def failed_stages(record: logging.LogRecord) -> list[str]:
    """The stages that the error of a message names as failed; none for other messages."""
    error = record.exc_info[1] if record.exc_info else None
    named = FAILED.fullmatch(str(error)) if type(error).__name__ == "ReproductionError" else None
    return re.findall(r"'([^']+)'", named[1]) if named else []


def main() -> int:
    """Run DVC with the arguments of this process; returns its exit status."""
    from dvc.cli import main as run

    logging.getLogger(LOGGER).addFilter(is_wanted)
    logging.getLogger("dvc").addHandler(FailureRecorder())
    return int(run(sys.argv[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
