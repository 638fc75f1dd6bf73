"""Data level (paper 5.1): rows of one set until their tokens equal those of another."""

from collections.abc import Sequence

from stages.ablations.lengths import draw
from stages.records import Record, Step


def budget(records: Sequence[Record], lengths: Sequence[int], total: int, seed: int) -> list[Record]:
    """The rows whose lengths sum up to `total` as nearly as the last row allows, in the order they came.

    Rows are taken in the order of their own draws until the next one would pass `total`; that one too if the sum is
    nearer with it. So the difference is at most half the length of one row, and a smaller total gives a part of the
    same rows. All rows are taken where together they have fewer tokens than `total`: the page shows what is missing.
    """
    order = sorted(range(len(records)), key=lambda row: (draw(seed, records[row].id, "budget"), records[row].id))
    taken = sorted(order[: _enough([lengths[row] for row in order], total)])
    step = Step(stage="sample", action="budget", status="ok")
    return [records[row].step(step) for row in taken]


def _enough(lengths: Sequence[int], total: int) -> int:
    """How many of the lengths, from the first, sum up to `total` most nearly; of equals, the fewer."""
    left = total
    for taken, length in enumerate(lengths):
        if length > left:
            return taken + (length - left < left)
        left -= length
    return len(lengths)
