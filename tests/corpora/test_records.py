"""Ids depend on a row's text alone, samples nest, and everything that goes in is counted on its way out."""

import hashlib
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Record, Rejected, digest
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.read_records import Origin, read, sample
from stages.readers.formats import Raw

Row = dict[str, Any]
SHORT = st.text(max_size=5)
ROWS = st.lists(st.fixed_dictionaries({"instruction": SHORT, "input": SHORT, "output": SHORT}))


def records(rows: list[Row], corpus: str = "mine") -> list[Record | Rejected]:
    origin = Origin(corpus, "path:x.json", "Apache-2.0", "en")
    return list(read("alpaca", (Raw(row, n, "", f"x.json, row {n}") for n, row in enumerate(rows)), origin, {}))


def texts(items: list[Record | Rejected]) -> dict[str, tuple[str, ...]]:
    return {i.id: (i.instruction, i.input, i.response) for i in items if isinstance(i, Record)}


@given(ROWS, st.randoms(use_true_random=False))
def test_another_order_changes_no_id(rows: list[Row], random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    assert texts(records(rows)) == texts(records(shuffled))


@given(ROWS, ROWS)
def test_rows_added_change_nothing_for_those_already_there(rows: list[Row], more: list[Row]) -> None:
    assert records(rows + more)[: len(rows)] == records(rows)


@given(ROWS)
def test_a_corpus_twice_keeps_the_first_copies_and_numbers_the_others(rows: list[Row]) -> None:
    distinct = list({digest(row): row for row in rows}.values())
    twice = records(distinct + distinct)
    assert twice[: len(distinct)] == records(distinct)
    assert [item.id for item in twice[len(distinct) :]] == [f"{item.id}-2" for item in records(distinct)]


@given(ROWS)
def test_ids_are_unique_and_sources_are_hashes_of_the_rows(rows: list[Row]) -> None:
    items = records(rows)
    assert max(Counter(item.id for item in items).values(), default=1) == 1
    for row, item in zip(rows, items, strict=True):
        assert item.id.startswith(f"mine-{digest(row)[:16]}")
        if isinstance(item, Record):
            assert (item.source.sha256, rows[item.source.row]) == (digest(row), row)


def test_the_order_of_keys_does_not_count() -> None:
    one = {"instruction": "I", "input": "", "output": "O"}
    assert records([one])[0].id == records([dict(reversed(one.items()))])[0].id


@given(ROWS, st.integers(0, 9), st.integers(0, 9), st.integers())
def test_samples_nest_and_keep_their_order(rows: list[Row], small: int, more: int, seed: int) -> None:
    items = records(rows)
    kept = [i for i in items if isinstance(i, Record)]
    less = [i for i in sample(items, small, seed, IngestStats()) if isinstance(i, Record)]
    large = [i for i in sample(items, small + more, seed, IngestStats()) if isinstance(i, Record)]
    assert less == [i for i in large if i in less]
    assert large == [i for i in kept if i in large]
    assert len(large) == min(len(kept), small + more)


@given(ROWS, ROWS, st.integers(0, 9))
def test_rows_added_push_out_but_never_exchange(rows: list[Row], more: list[Row], size: int) -> None:
    before = {i.id for i in sample(records(rows), size, 1, IngestStats()) if isinstance(i, Record)}
    after = {i.id for i in sample(records(rows + more), size, 1, IngestStats()) if isinstance(i, Record)}
    old = {i.id for i in records(rows)}
    assert after & old <= before


@given(ROWS, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_a_sample(rows: list[Row], size: int, random: Random) -> None:
    one, two = (
        {item.id for item in sample(records(order), size, 1, IngestStats()) if isinstance(item, Record)}
        for order in (rows, random.sample(rows, len(rows)))
    )
    assert one == two


def test_the_smallest_hashes_are_kept() -> None:
    items = records([{"instruction": f"I{n}", "input": "", "output": ""} for n in range(20)])
    draws = {item.id: hashlib.sha256(f"7:{item.id}:sample".encode()).hexdigest() for item in items}
    assert {item.id for item in sample(items, 5, 7, IngestStats())} == set(sorted(draws, key=lambda id: draws[id])[:5])


def test_another_seed_draws_others() -> None:
    items = records([{"instruction": f"I{n}", "input": "", "output": ""} for n in range(100)])
    drawn = [tuple(i.id for i in sample(items, 10, seed, IngestStats())) for seed in range(5)]
    assert len(set(drawn)) == 5


@given(ROWS, st.none() | st.integers(0, 5))
def test_rows_in_are_rows_out_and_rejected_and_left_out(rows: list[Row], size: int | None) -> None:
    stats = IngestStats()
    split = list(stats.split(sample(records(rows), size, 7, stats)))
    metrics = stats.metrics()
    assert metrics["read"] == len(rows)
    assert metrics["kept"] == sum(name == "kept" for name, _ in split)
    assert sum(metrics["rejected"].values()) == sum(name == "rejected" for name, _ in split)
    assert len(split) + metrics["not_sampled"] == len(rows)


def test_what_is_counted() -> None:
    stats = IngestStats()
    rows = [("a b", "c", ""), ("a b c d", "", "e f"), ("", "", "")]
    list(stats.split(records([dict(zip(("instruction", "input", "output"), row, strict=True)) for row in rows])))
    assert stats.metrics() == {
        "read": 3, "kept": 2, "rejected": {"no-instruction": 1}, "not_sampled": 0,
        "with": {"input": 1, "response": 1, "system": 0, "history": 0},
        "mean_words": {"instruction": 3.0, "input": 1.0, "response": 2.0},
    }  # fmt: skip
