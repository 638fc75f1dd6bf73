"""Data level (paper 5.1): rows of one set until their tokens equal those of another."""

from collections.abc import Sequence

from stages.ablations.row_lengths import Arm, draw


def budget(whole: Arm, total: int, seed: int) -> list[int]:
    """The rows (0-based, ascending) whose lengths sum up to `total` as nearly as the last row allows.

    Rows are taken in the order of their own draws until the next one would pass `total`; that one too if the sum is
    nearer with it. So the difference is at most half the length of one row, and a smaller total gives a part of the
    same rows. All rows are taken where together they have fewer tokens than `total`: the page shows what is missing.
    """
    order = sorted(range(len(whole.ids)), key=lambda row: (draw(seed, whole.ids[row], "budget"), whole.ids[row]))
    return sorted(order[: _enough([whole.lengths[row] for row in order], total)])


def _enough(lengths: Sequence[int], total: int) -> int:
    """How many of the lengths, from the first, sum up to `total` most nearly; of equals, the fewer."""
    left = total
    for taken, length in enumerate(lengths):
        if length > left:
            return taken + (length - left < left)
        left -= length
    return len(lengths)
