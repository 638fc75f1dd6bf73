"""Two sets as one: nested, independent of each other and of order, with every row's own source."""

from stages.ablations.combination import combined_sets
from stages.core.records import Record, Rejected, Source


def rows(corpus: str, number: int, licence: str = "MIT") -> list[Record]:
    source = Source(f"path:{corpus}", 0, "0" * 64, licence, "en")
    return [Record(f"{corpus}-{n}", corpus, f"Say {n}.", "", "Yes.", "", source) for n in range(number)]


def ids(parts: dict[str, list[Record]], sizes: list[int | None], seed: int = 3) -> list[str]:
    return [row.id for row in combined_sets(parts, sizes, seed).rows[""]]


def test_rows_keep_their_order_source_and_licence() -> None:
    made = combined_sets({"a": rows("tulu", 3, "ODC-BY"), "b": rows("maths", 2)}, [None, None], 1)
    records = [row for row in made.rows[""] if isinstance(row, Record)]
    assert [row.id for row in records] == ["tulu-0", "tulu-1", "tulu-2", "maths-0", "maths-1"]
    assert {row.source.licence for row in records} == {"ODC-BY", "MIT"}
    assert {row.steps[-1].action for row in records} == {"combine:a", "combine:b"}
    assert made.statistics["licences"] == {"ODC-BY": 3, "MIT": 2} and made.statistics["rows"] == 5


def test_a_smaller_combination_lies_inside_a_larger_one() -> None:
    parts = {"a": rows("tulu", 500), "b": rows("maths", 200)}
    small, large = ids(parts, [50, 20]), ids(parts, [200, 80])
    assert len(small) == 70 and set(small) < set(large) and [id for id in large if id in set(small)] == small


def test_what_is_drawn_of_one_part_depends_on_nothing_else() -> None:
    parts = {"a": rows("tulu", 300), "b": rows("maths", 200)}
    alone = ids({"a": rows("tulu", 300)}, [40])
    assert ids(parts, [40, 10])[:40] == alone
    assert set(ids({"a": rows("tulu", 300)[::-1]}, [40])) == set(alone)
    assert set(ids({"a": rows("tulu", 600)}, [40])) & {f"tulu-{n}" for n in range(300)} <= set(alone)
    assert set(ids(parts, [40, 10], seed=4)) != set(ids(parts, [40, 10]))


def test_a_row_that_both_have_is_rejected_once_and_more_than_there_is_is_all() -> None:
    made = combined_sets({"a": rows("tulu", 3), "b": [*rows("tulu", 1), *rows("maths", 1)]}, [None, 9], 1)
    (rejected,) = made.rows[".rejected"]
    assert isinstance(rejected, Rejected) and (rejected.id, rejected.reason) == ("tulu-0", "same-id")
    assert made.statistics["parts"]["b"] == {"read": 2, "wanted": 9, "kept": 1}
    assert len(list(made.rows[""])) + 1 == 5
