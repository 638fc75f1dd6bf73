"""What goes, what stays, what is told; and that rows that come later change nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Record, Rejected, Turn
from stages.decontamination.benchmark_index import BenchmarkText, build_index, distinct_texts
from stages.decontamination.decontaminate_rows import Flag
from tests.decontamination.rows import EVERYTHING, contamination_of, kept, record

QUESTION = "Which of the old bridges in the town was built before the war and which one after it"
BENCHMARK_TEXTS = (QUESTION, "Where do people live?", "Who?", "Who cares?", "Why the town has old bridges")
FOUND = [
    (QUESTION, [("overlap-exact", 13, "asked")]),
    (f"  {QUESTION.upper()}?!", [("overlap-exact", 13, "asked")]),
    (f"Tell me. {QUESTION} End.", [("overlap-ngram", 13, "asked")]),
    ("which of the old bridges in the river", []),
    ("which of the old bridges in the town", [("overlap-ngram", 8, "asked")]),
    ("Where do people live", [("overlap-exact", 13, "asked")]),
    ("So where do people live now", [("overlap-ngram", 13, "asked")]),
    ("Who", [("overlap-exact", 0, "asked")]),
    ("Who is it", []),
    ("But who cares for it", []),
    ("Tell me why the town has old bridges please", [("overlap-ngram", 13, "asked")]),
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_what_a_row_shares_with_a_benchmark(text: str, expected: list[tuple[str, int, str]]) -> None:
    flags = contamination_of([record(0, text)], *BENCHMARK_TEXTS).flags.get("c-0", [])
    assert [(flag.kind, flag.n, flag.side) for flag in flags] == expected


def test_every_side_and_turn_is_looked_at_and_no_run_crosses_them() -> None:
    first, last = QUESTION.split(" was ")
    rows = [
        record(0, first, f"was {last}"),
        record(1, "Say it", response=QUESTION),
        record(2, "Go on", history=(Turn(QUESTION, "Well"),)),
        record(3, "Go on then", history=(Turn("Hm", QUESTION),)),
        record(4, first, response=f"was {last}"),
    ]
    flags = contamination_of(rows, QUESTION).flags
    assert [[(f.kind, f.n, f.side) for f in flags[f"c-{n}"]] for n in range(4)] == [
        [("overlap-exact", 13, side)] for side in ("asked", "response", "asked", "response")
    ]
    assert [(f.kind, f.n, f.side) for f in flags["c-4"]] == [
        ("overlap-ngram", 8, "asked"), ("overlap-ngram", 8, "response")
    ]  # fmt: skip


def test_a_match_names_the_item_and_the_words() -> None:
    (flag,) = contamination_of([record(0, f"Hello! {QUESTION}; or so")], "Something else entirely", QUESTION).flags[
        "c-0"
    ]
    words = "which of the old bridges in the town was built before the war"
    assert flag == Flag("c-0", "overlap-ngram", "bench", "i1", 13, "asked", words)


def test_of_several_matches_the_one_that_comes_first_in_the_row_is_told() -> None:
    (flag,) = contamination_of([record(0, f"So where do people live now? {QUESTION}")], *BENCHMARK_TEXTS).flags["c-0"]
    assert (flag.item, flag.shared) == ("i1", "where do people live")


REMOVED: list[tuple[set[str], int, list[int]]] = [
    (set(), 13, [0, 1, 2, 3, 4, 5]),
    ({"overlap-exact"}, 13, [1, 2, 3, 4, 5]),
    ({"overlap-ngram"}, 13, [2, 3, 4, 5]),
    ({"overlap-ngram"}, 8, [3, 4, 5]),
    ({"duplicate"}, 13, [0, 1, 2, 3, 5]),
    ({"near-duplicate"}, 13, [0, 1, 2, 3, 4]),
    (set(EVERYTHING), 8, [3]),
]


@pytest.mark.parametrize(("remove", "ngram", "stay"), REMOVED)
def test_rows_go_for_the_reasons_that_are_named_and_all_are_counted(
    remove: set[str], ngram: int, stay: list[int]
) -> None:
    texts = [
        QUESTION, f"Write a short poem in French that tells a child from far away this: {QUESTION}",
        "Draw which of the old bridges in the town", "Name the nine planets of the sun",
        "Name the nine planets of the sun", "name the nine planets of the sun!",
    ]  # fmt: skip
    rows = [record(number, text) for number, text in enumerate(texts)]
    contamination = contamination_of(rows, QUESTION, remove=frozenset(remove), ngram=ngram)
    split = list(contamination.split(rows))
    assert [row.id for name, row in split if name == "kept"] == [f"c-{number}" for number in stay]
    rejected = [row for name, row in split if name == "rejected"]
    assert len(rejected) + len(stay) == len(rows) == contamination.metrics()["rows"]
    assert contamination.metrics()["kept"] == len(stay)
    assert contamination.metrics()["removed"] == Counter(row.reason for row in rejected if isinstance(row, Rejected))
    # What is found does not depend on what goes, but that rows gone for an overlap are nobody's reason.
    assert {row.id for name, row in split if name == "flags"} == {"c-0", "c-1", "c-2", "c-4", "c-5"}


def test_a_row_that_stays_says_what_was_found_and_nothing_else_of_it_changes() -> None:
    rows = [record(0, QUESTION), record(1, "Name a colour"), record(2, "Name a colour")]
    split = contamination_of(rows, QUESTION, remove=frozenset()).split(rows)
    stays = [row for name, row in split if name == "kept" and isinstance(row, Record)]
    assert [[(s.stage, s.action, s.status) for s in row.steps] for row in stays] == [
        [("decontaminate", "overlap:bench:exact", "ok")], [("decontaminate", "clean", "ok")],
        [("decontaminate", "duplicate", "ok")],
    ]  # fmt: skip
    assert [(r.id, r.instruction, r.input, r.response, r.source) for r in stays] == [
        (r.id, r.instruction, r.input, r.response, r.source) for r in rows
    ]


def test_counts_are_of_rows_responses_and_items() -> None:
    rows = [record(0, QUESTION), record(1, f"Well, {QUESTION}"), record(2, "Hm", response=f"It is: {QUESTION}")]
    overlap = contamination_of(rows, QUESTION, "Where do people live?").metrics()["overlap"]["bench"]
    assert overlap == {
        "items": 2, "exact": {"rows": 1, "responses": 0, "items": 1},
        "8-gram": {"rows": 2, "responses": 1, "items": 1}, "13-gram": {"rows": 2, "responses": 1, "items": 1},
    }  # fmt: skip


def test_no_row_at_all() -> None:
    assert contamination_of([], "Who was it").metrics()["removed"] == {}


def test_nothing_withheld_and_no_word_at_all() -> None:
    rows = [record(0, "Name a colour"), record(1, "?!", response="")]
    assert kept(rows) == ["c-0", "c-1"]
    assert kept([record(0, "?!", response="")], "Who was it") == ["c-0"]


WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=6).map(" ".join)
ROWS = st.lists(WORDS, min_size=1, max_size=10)


@given(ROWS, ROWS)
def test_rows_that_are_added_change_nothing_for_those_that_were_there(before: list[str], added: list[str]) -> None:
    rows = [record(number, text) for number, text in enumerate(before + added)]
    alone = contamination_of(rows[: len(before)], "a b a b c")
    together = contamination_of(rows, "a b a b c")
    assert alone.flags == {row: flags for row, flags in together.flags.items() if int(row[2:]) < len(before)}


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_in_which_rows_come_changes_nothing(texts: list[str], random: object) -> None:
    rows = [record(number, text) for number, text in enumerate(texts)]
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = contamination_of(rows, "a b a b c"), contamination_of(shuffled, "a b a b c")
    assert one.flags == other.flags
    assert one.metrics() == other.metrics()


def test_texts_are_withheld_once_an_item_and_only_if_they_say_something() -> None:
    pairs = [("1", "a b"), ("1", "a b"), ("2", "a b"), ("2", ""), ("3", " ?! ")]
    assert list(distinct_texts({"b": pairs})) == [("b", BenchmarkText("1", "a b")), ("b", BenchmarkText("2", "a b"))]


def test_a_corpus_longer_than_a_chunk_is_one_corpus() -> None:
    filler = "x" * (1 << 21)
    rows = [record(n, f"Number {n} {filler}") for n in range(5)] + [record(9, QUESTION), record(10, QUESTION)]
    assert kept(rows, remove=frozenset({"duplicate"})) == [f"c-{n}" for n in (0, 1, 2, 3, 4, 9)]
    assert build_index({}, [8], 3).texts == []
