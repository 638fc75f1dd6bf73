"""Repeat the input, then answer (paper A.1)."""

from stages.chains.chain_types import Chain, Intermediate, Link, Resources, is_separable, per_row
from stages.core.records import Record


def repeat_input(record: Record, link: Link, resources: Resources) -> Intermediate | None:
    """The input itself, verbatim."""
    return Intermediate(record.input, record.input, "repeat") if is_separable(link, record.input) else None


CHAIN = Chain(per_row(repeat_input), repeats_input=True)
