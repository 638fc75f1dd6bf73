"""Data level: totals agree within one row."""

from hypothesis import given
from hypothesis import strategies as st

from stages.ablations import budget
from stages.records import Record, Source

SOURCE = Source("path:x", 0, "0", "MIT", "en")


def records(number: int) -> list[Record]:
    return [Record(f"c-{n}", "c", "Do.", "", "Yes.", "", SOURCE) for n in range(number)]


@given(st.lists(st.integers(0, 50)), st.integers(0, 2_000), st.integers(0, 9))
def test_the_total_is_met_within_half_a_row(lengths: list[int], total: int, seed: int) -> None:
    rows = records(len(lengths))
    if sum(lengths) < total:
        assert len(budget(rows, lengths, total, seed)) == len(rows)
        return
    length_of = dict(zip((row.id for row in rows), lengths, strict=True))
    part = budget(rows, lengths, total, seed)
    assert 2 * abs(sum(length_of[row.id] for row in part) - total) <= max(lengths, default=0)
    assert [row.id for row in part] == [row.id for row in rows if row.id in {one.id for one in part}]
    assert all(row.steps[-1].action == "budget" for row in part)


@given(st.lists(st.integers(1, 50), min_size=5), st.randoms(use_true_random=False))
def test_neither_the_order_of_the_rows_nor_a_smaller_total_draws_others(lengths: list[int], random: object) -> None:
    rows = records(len(lengths))
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    total = sum(lengths) // 2
    part = {row.id for row in budget(rows, lengths, total, 1)}
    again = {row.id for row in budget([rows[n] for n in order], [lengths[n] for n in order], total, 1)}
    assert part == again
    assert {row.id for row in budget(rows, lengths, total // 2, 1)} <= part


def test_another_seed_draws_other_rows() -> None:
    rows, lengths = records(200), [10] * 200
    first, second = ({row.id for row in budget(rows, lengths, 1_000, seed)} for seed in (1, 2))
    assert len(first) == len(second) == 100 and first != second
