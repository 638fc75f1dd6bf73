"""Measurements: `python -m tests.bench.NAME --help` says what each takes and tells."""

import sys


def usage(told: str | None, least: int = 0) -> None:
    """Say what a measurement is and leave, where that is asked for or arguments are missing."""
    if "--help" in sys.argv or len(sys.argv) <= least:
        print((told or "").strip())
        raise SystemExit(0 if "--help" in sys.argv else 2)
