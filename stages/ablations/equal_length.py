"""Rows of two sets with equal token totals (data level) or in pairs of equal length (instance level; paper 5.1).

Data level: rows of one set until their tokens equal those of the other. Instance level: the most rows of both sets that
can be paired with a row of equal length. Rows of one length are interchangeable, so the matching is computed on counts
per length: both sorted lists of lengths are read in parallel, and a length that is too short for the shortest left of
the other side is skipped. For intervals of one width that is maximum (Glover, 1967); every result has a certificate.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from stages.ablations.row_lengths import Arm, record_draw


class Certificate(msgspec.Struct, frozen=True):
    """A vertex cover: no two rows can be paired of which neither has one of these lengths.

    A matching uses every row of a cover at most once, so none is larger than the number of rows of the cover; one of
    that size is maximum (Konig, 1931). It can be checked with the lengths alone.
    """

    left: tuple[int, ...]
    """Lengths on the first side, ascending."""
    right: tuple[int, ...]
    tolerance: int

    def bound(self, left: Sequence[int], right: Sequence[int]) -> int:
        """The number of rows that the cover holds, which no matching of these lengths exceeds.

        Raises ValueError if it is no cover of them.
        """
        bare = [sorted({*side} - {*cover}) for side, cover in ((left, self.left), (right, self.right))]
        for length in bare[0]:
            place = bisect_left(bare[1], length - self.tolerance)
            if place < len(bare[1]) and bare[1][place] <= length + self.tolerance:
                raise ValueError(f"rows of {length} and {bare[1][place]} tokens can be paired and are not covered")
        counts = (Counter(left), Counter(right))
        return sum(counts[0][n] for n in self.left) + sum(counts[1][n] for n in self.right)


class Matching(NamedTuple):
    """`left[k]` and `right[k]`, 0-based rows of the two sides, are a pair."""

    left: list[int]
    right: list[int]
    certificate: Certificate


def rows_within_budget(whole: Arm, total: int, seed: int) -> list[int]:
    """The rows (0-based, ascending) whose lengths sum up to `total` as nearly as the last row allows.

    Rows are taken in the order of their own draws until the next one would pass `total`; that one too if the sum is
    nearer with it. So the difference is at most half the length of one row, and a smaller total gives a part of the
    same rows. All rows are taken where together they have fewer tokens than `total`.
    """
    order = sorted(range(len(whole.ids)), key=lambda row: (record_draw(seed, whole.ids[row], "budget"), whole.ids[row]))
    return sorted(order[: _enough([whole.lengths[row] for row in order], total)])


def _enough(lengths: Sequence[int], total: int) -> int:
    """How many of the lengths, from the first, sum up to `total` most nearly; of equals, the fewer."""
    left = total
    for taken, length in enumerate(lengths):
        if length > left:
            return taken + (length - left < left)
        left -= length
    return len(lengths)


def match_pairs(left: Arm, right: Arm, seed: int, tolerance: int = 0) -> Matching:
    """The largest set of pairs whose lengths differ by at most `tolerance`; of equal rows, those with the smallest
    draws.

    It does not depend on the order of the rows. Time and memory grow with the rows, and with the number of
    different lengths times `tolerance`: a million rows on a side take seconds.
    """
    rows_left, rows_right = _by_length(left, seed), _by_length(right, seed)
    flow = _flow(
        {n: len(rows) for n, rows in rows_left.items()}, {n: len(rows) for n, rows in rows_right.items()}, tolerance
    )
    matching = Matching([], [], _certificate(rows_left, rows_right, flow, tolerance))
    ours = {length: iter(rows) for length, rows in rows_left.items()}
    theirs = {length: iter(rows) for length, rows in rows_right.items()}
    for (length_left, length_right), number in flow.items():
        matching.left.extend(islice(ours[length_left], number))
        matching.right.extend(islice(theirs[length_right], number))
    return matching


def _by_length(side: Arm, seed: int) -> dict[int, list[int]]:
    """Length, ascending -> its rows in the order of their draws."""
    import numpy as np

    if not len(side.lengths):
        return {}
    draws = np.fromiter((record_draw(seed, id, "pairs") for id in side.ids), dtype=np.uint64, count=len(side.ids))
    lengths = np.asarray(side.lengths, dtype=np.int64)
    order = np.lexsort((draws, lengths))
    values, starts = np.unique(lengths[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {int(value): part.tolist() for value, part in zip(values, parts, strict=True)}


def _flow(left: Mapping[int, int], right: Mapping[int, int], tolerance: int) -> dict[tuple[int, int], int]:
    """(length, length) -> number of pairs. left, right: ascending length -> number of rows."""
    flow: dict[tuple[int, int], int] = {}
    ours, theirs = iter(left.items()), iter(right.items())
    a, b = next(ours, None), next(theirs, None)
    while a and b:
        number = min(a[1], b[1]) if abs(a[0] - b[0]) <= tolerance else 0
        if number:
            flow[a[0], b[0]] = number
        # A length that is used up, or that even the next of the other side is too long for, is done with.
        done_a = a[1] == number or a[0] < b[0] - tolerance
        done_b = b[1] == number or b[0] < a[0] - tolerance
        a, b = (
            next(ours, None) if done_a else (a[0], a[1] - number),
            next(theirs, None) if done_b else (b[0], b[1] - number),
        )
    return flow


def _certificate(
    left: Mapping[int, Sequence[int]],
    right: Mapping[int, Sequence[int]],
    flow: Mapping[tuple[int, int], int],
    tolerance: int,
) -> Certificate:
    """Konig's cover: of the lengths that alternating paths from unpaired rows of the first side reach, those of the
    second side; and those of the first side that none reaches."""
    paired = dict.fromkeys(left, 0)
    back: dict[int, list[int]] = {}
    for (a, b), number in flow.items():
        paired[a] += number
        back.setdefault(b, []).append(a)
    waiting = [a for a in left if paired[a] < len(left[a])]
    reached, cover = set(waiting), set()
    while waiting:
        a = waiting.pop()
        for b in range(a - tolerance, a + tolerance + 1):
            if b in right and b not in cover:
                cover.add(b)
                new = [a for a in back.get(b, ()) if a not in reached]
                reached.update(new)
                waiting.extend(new)
    return Certificate(tuple(a for a in left if a not in reached), tuple(sorted(cover)), tolerance)
