"""Repeat the input, then answer (paper A.1)."""

from stages.chains.chain_types import Link, Means, Middle, fits
from stages.core.records import Record


def repeat(record: Record, link: Link, means: Means) -> Middle | None:
    """The input itself, word by word."""
    return Middle(record.input, record.input, "repeat") if fits(link, record.input) else None
