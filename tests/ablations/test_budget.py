"""Data level: totals agree within one row."""

from hypothesis import given
from hypothesis import strategies as st

from stages.ablations.equal_length import rows_within_budget
from stages.ablations.row_lengths import Arm


def arm_of(lengths: list[int]) -> Arm:
    return Arm([f"c-{n}" for n in range(len(lengths))], lengths)


@given(st.lists(st.integers(0, 50)), st.integers(0, 2_000), st.integers(0, 9))
def test_the_total_is_met_within_half_a_row(lengths: list[int], total: int, seed: int) -> None:
    part = rows_within_budget(arm_of(lengths), total, seed)
    if sum(lengths) < total:
        assert part == list(range(len(lengths)))
        return
    assert 2 * abs(sum(lengths[row] for row in part) - total) <= max(lengths, default=0)
    assert part == sorted(set(part))


def test_of_two_totals_as_near_the_smaller_is_taken() -> None:
    assert [len(rows_within_budget(arm_of([10] * 5), total, 1)) for total in (20, 25, 26)] == [2, 2, 3]


@given(st.lists(st.integers(1, 50), min_size=5), st.randoms(use_true_random=False))
def test_neither_the_order_of_the_rows_nor_a_smaller_total_draws_others(lengths: list[int], random: object) -> None:
    rows = arm_of(lengths)
    order = list(range(len(lengths)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Arm([rows.ids[n] for n in order], [lengths[n] for n in order])
    total = sum(lengths) // 2
    part = {rows.ids[row] for row in rows_within_budget(rows, total, 1)}
    assert part == {shuffled.ids[row] for row in rows_within_budget(shuffled, total, 1)}
    assert {rows.ids[row] for row in rows_within_budget(rows, total // 2, 1)} <= part


def test_another_seed_draws_other_rows() -> None:
    rows = arm_of([10] * 200)
    first, second = (set(rows_within_budget(rows, 1_000, seed)) for seed in (1, 2))
    assert len(first) == len(second) == 100 and first != second
