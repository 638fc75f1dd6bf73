"""Instance level: the matching is one, and it is maximum - by its certificate, and by trying everything."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ablations.equal_length import Certificate, Matching, match_pairs
from stages.ablations.row_lengths import Arm

LENGTHS = st.lists(st.integers(0, 12), max_size=14)


def side(lengths: Sequence[int], name: str = "r") -> Arm:
    return Arm([f"{name}-{n}" for n in range(len(lengths))], lengths)


def is_matching(matching: Matching, left: Sequence[int], right: Sequence[int], tolerance: int) -> bool:
    """Every row at most once, every pair within the tolerance."""
    once = len(set(matching.left)) == len(matching.left) == len(matching.right) == len(set(matching.right))
    return once and all(
        abs(left[a] - right[b]) <= tolerance for a, b in zip(matching.left, matching.right, strict=True)
    )


def bound(certificate: Certificate, left: Sequence[int], right: Sequence[int], tolerance: int) -> int:
    """No matching has more pairs than this. It looks at the lengths and the cover only, and raises if it is no
    cover."""
    covered_left, covered_right = set(certificate.left), set(certificate.right)
    bare = sorted(set(left) - covered_left), sorted(set(right) - covered_right)
    assert not any(abs(a - b) <= tolerance for a in bare[0] for b in bare[1]), "two rows that fit are not covered"
    return sum(a in covered_left for a in left) + sum(b in covered_right for b in right)


def largest(left: Sequence[int], right: Sequence[int], tolerance: int) -> int:
    """Kuhn's algorithm, row by row: slow and by another road."""
    partner: dict[int, int] = {}

    def place(a: int, seen: set[int]) -> bool:
        for b, length in enumerate(right):
            if abs(left[a] - length) <= tolerance and b not in seen:
                seen.add(b)
                if b not in partner or place(partner[b], seen):
                    partner[b] = a
                    return True
        return False

    return sum(place(a, set()) for a in range(len(left)))


@given(LENGTHS, LENGTHS, st.integers(0, 4))
def test_it_is_a_maximum_matching(left: list[int], right: list[int], tolerance: int) -> None:
    matching = match_pairs(side(left, "a"), side(right, "b"), 1, tolerance)
    assert is_matching(matching, left, right, tolerance)
    assert len(matching.left) == bound(matching.certificate, left, right, tolerance) == largest(left, right, tolerance)


def test_a_smaller_matching_has_no_certificate_and_a_false_one_is_caught() -> None:
    left, right = [5, 5, 7], [5, 7, 7]
    matching = match_pairs(side(left), side(right), 1)
    assert len(matching.left) == 2 == bound(matching.certificate, left, right, 0)
    assert matching.certificate.bound(left, right) == 2
    with pytest.raises(AssertionError, match="not covered"):
        bound(Certificate((5,), (), 0), left, right, 0)
    with pytest.raises(ValueError, match="rows of 7 and 7 tokens can be paired and are not covered"):
        Certificate((5,), (), 0).bound(left, right)


@given(LENGTHS, LENGTHS, LENGTHS, LENGTHS, st.integers(0, 3))
def test_what_is_a_cover_is_judged_alike(
    left: list[int], right: list[int], some: list[int], others: list[int], tolerance: int
) -> None:
    """The room's own check, which the stage runs, against the plain one of this test."""
    cover = Certificate(tuple(sorted({*some})), tuple(sorted({*others})), tolerance)
    try:
        expected: int | None = bound(cover, left, right, tolerance)
    except AssertionError:
        expected = None
    try:
        matching: int | None = cover.bound(left, right)
    except ValueError:
        matching = None
    assert matching == expected


@given(LENGTHS, LENGTHS, st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    left: list[int], right: list[int], tolerance: int, random: object
) -> None:
    a, b = side(left, "a"), side(right, "b")

    def shuffled(one: Arm) -> Arm:
        order = list(range(len(one.ids)))
        random.shuffle(order)  # type: ignore[attr-defined]
        return Arm([one.ids[n] for n in order], [one.lengths[n] for n in order])

    def chosen(one: Arm, other: Arm) -> set[tuple[str, str]]:
        matching = match_pairs(one, other, 1, tolerance)
        return {(one.ids[x], other.ids[y]) for x, y in zip(matching.left, matching.right, strict=True)}

    assert chosen(a, b) == chosen(shuffled(a), shuffled(b))


@given(LENGTHS, LENGTHS)
def test_exact_pairs_leave_identical_histograms(left: list[int], right: list[int]) -> None:
    matching = match_pairs(side(left), side(right), 1)
    ours, theirs = Counter(left[a] for a in matching.left), Counter(right[b] for b in matching.right)
    assert ours == theirs == Counter(left) & Counter(right)


def test_nothing_pairs_with_nothing() -> None:
    assert match_pairs(side([]), side([1]), 1)[:2] == ([], [])
