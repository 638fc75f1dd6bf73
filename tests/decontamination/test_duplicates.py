"""Duplicates and near duplicates against what the definition says, pair by pair."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.decontamination.duplicates import first_of, near, shingles, together
from stages.decontamination.word_hashes import spelled
from tests.decontamination.rows import contamination_of, kept, record

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=7).map(" ".join), min_size=1, max_size=12)


def pairs(text: str) -> set[tuple[str, ...]]:
    word_lists = spelled([text])[0]
    return {tuple(word_lists[i : i + 2]) for i in range(len(word_lists) - 1)} or (
        {tuple(word_lists)} if word_lists else set()
    )


def similar(one: str, other: str) -> float:
    both, either = pairs(one) & pairs(other), pairs(one) | pairs(other)
    return len(both) / len(either) if either else 1.0


@given(TEXTS, st.data(), st.sampled_from([0.3, 0.5, 0.7, 0.8, 1.0]))
def test_every_pair_that_is_similar_enough_is_found_and_no_other(
    texts: list[str], data: st.DataObject, threshold: float
) -> None:
    inputs = data.draw(st.lists(st.sampled_from(["", "x y z", "x y w"]), min_size=len(texts), max_size=len(texts)))
    order = data.draw(st.permutations(range(len(texts))))
    stays: list[int] = []
    expected: dict[int, int] = {}
    for row in order:
        alike = (o for o in stays if pairs(texts[row]) | pairs(inputs[row]) and all(
            similar(word_lists[row], word_lists[o]) >= threshold - 1e-9 for word_lists in (texts, inputs)))  # fmt: skip
        first = next(alike, None)
        if first is None:
            stays.append(row)
        else:
            expected[row] = first
    assert near([shingles(texts, 2), shingles(inputs, 2)], order, threshold) == expected


def test_parts_are_put_together_in_order() -> None:
    whole, parts = shingles(["a b c", "", "d"], 2), together([shingles(["a b c"], 2), shingles(["", "d"], 2)])
    assert [whole.of(n).tolist() for n in range(3)] == [parts.of(n).tolist() for n in range(3)]


def test_of_equal_keys_the_first_in_the_order_stays() -> None:
    assert first_of("abab", [3, 2, 1, 0]) == {1: 3, 0: 2}


LONG = "Write a short and friendly letter to the neighbours about the street party on Saturday"
ALIKE = [
    ((LONG, ""), (LONG.upper() + ".", ""), True),
    ((LONG, ""), (LONG.replace("Saturday", "Sunday"), ""), True),
    ((LONG, ""), ("Name three colours", ""), False),
    ((LONG, "dog"), (LONG, "cat"), False),
    ((LONG, ""), (LONG, "cat"), False),
    (("What is 2 + 2", ""), ("What is 2 - 2", ""), False),
    (("请把下面的句子翻译成英文并解释它的意思", ""), ("请把下面的句子翻译成英文并解释它的意思。", ""), True),
    (("!!!", ""), ("???", ""), False),
]


def test_what_is_nearly_the_same() -> None:
    for (one, input_one), (other, input_other), expected in ALIKE:
        rows = [record(0, one, input_one), record(1, other, input_other)]
        assert (kept(rows) == ["c-0"]) == expected, (one, other)


def test_the_same_words_said_to_another_history_or_image_are_another_row() -> None:
    from stages.core.records import Turn

    rows = [
        record(0, "Go on"), record(1, "Go on", history=(Turn("Tell me of cats", "Cats purr"),)),
        record(2, "What is this", image="a.jpg"), record(3, "What is this", image="b.jpg"),
        record(4, "What is this", image="a.jpg"),
    ]  # fmt: skip
    assert kept(rows) == ["c-0", "c-1", "c-2", "c-3"]


def test_a_duplicate_and_a_near_duplicate_are_told_apart() -> None:
    rows = [record(0, LONG), record(1, LONG, response="Another."), record(2, LONG.lower())]
    flags = contamination_of(rows).flags
    assert {id: [(flag.kind, flag.against) for flag in contamination] for id, contamination in flags.items()} == {
        "c-1": [("duplicate", "c-0")], "c-2": [("near-duplicate", "c-0")],
    }  # fmt: skip


def test_a_row_goes_only_for_one_that_stays() -> None:
    # 1 is like 0 and 2 is like 1, but 2 is not like 0: 1 goes, and 2 stays.
    chain = ["a b c d e f g h i j", "a b c d e f g h x y", "a b c d e f z w x y"]
    assert kept([record(n, text) for n, text in enumerate(chain)], similarity=0.5) == ["c-0", "c-2"]
    # 0 goes for its overlap, so it is no reason for 1 to go.
    rows = [record(0, LONG, response="one two three"), record(1, LONG)]
    assert kept(rows, "one two three") == ["c-1"]


QUESTION = "What is the tallest mountain on Earth and in which range is it found?"


def test_the_same_question_under_another_system_prompt_is_another_row() -> None:
    systems = ["Answer in French.", "Answer as a pirate.", "", " Answer in French. "]
    rows = [msgspec.structs.replace(record(n, QUESTION), system=system) for n, system in enumerate(systems)]
    nearly = [
        msgspec.structs.replace(record(n + 4, QUESTION.replace("found", "seen")), system=system)
        for n, system in enumerate(systems)
    ]
    flags = contamination_of([*rows, *nearly]).flags
    assert {id: [(flag.kind, flag.against) for flag in contamination] for id, contamination in flags.items()} == {
        "c-3": [("duplicate", "c-0")], "c-4": [("near-duplicate", "c-0")], "c-5": [("near-duplicate", "c-1")],
        "c-6": [("near-duplicate", "c-2")],
        "c-7": [("duplicate", "c-4"), ("near-duplicate", "c-0")],
    }  # fmt: skip


SUM = "Work out step by step what the sum of {} and {} is and show how you came to the result"
POEM = "Write a short and rhyming poem of four lines about {} for the school paper of this town"
TEMPLATES = [
    # (two texts, kept with nothing told apart, by numbers, by a slot of one word, by a slot of two words)
    ((SUM.format(17, 3), SUM.format(18, 3)), 1, 2, 2, 2),
    ((SUM.format(17, 3), SUM.format("١٧", 3)), 1, 1, 2, 2),
    ((SUM.format(17, 3), SUM.format(18, 4)), 1, 2, 1, 1),
    ((POEM.format("cats"), POEM.format("dogs")), 1, 1, 2, 2),
    ((POEM.format("old cats"), POEM.format("dogs")), 1, 1, 1, 2),
    ((POEM.format("cats"), POEM.format("cats") + "!"), 1, 1, 1, 1),
    ((POEM.format("cats"), POEM.format("Cats")), 1, 1, 1, 1),
    ((POEM.format("cats"), POEM.format("cats") + ", please"), 1, 1, 1, 1),
]


@pytest.mark.parametrize(("texts", "plain", "numbers", "one", "two"), TEMPLATES)
def test_two_rows_of_one_template_are_told_apart_where_that_is_wanted(
    texts: tuple[str, str], plain: int, numbers: int, one: int, two: int
) -> None:
    rows = [record(n, text) for n, text in enumerate(texts)]
    wanted = {(False, 0): plain, (True, 0): numbers, (False, 1): one, (False, 2): two}
    for (by_numbers, slot), expected in wanted.items():
        contamination = contamination_of(rows, similarity=0.4, numbers=by_numbers, slot=slot)
        assert contamination.metrics()["kept"] == expected, (by_numbers, slot)
        templates = contamination.metrics().get("templates")
        reason = "numbers" if by_numbers else "slot"
        assert templates == (None if not (by_numbers or slot) else {reason: 1} if expected == 2 else {})


def test_a_row_that_is_told_apart_from_one_row_still_goes_for_another() -> None:
    rows = [record(n, SUM.format(number, 3)) for n, number in enumerate([17, 18, 18, 17])]
    rows[2] = record(2, SUM.format(18, 3) + ", please")
    contamination = contamination_of(rows, similarity=0.4, numbers=True)
    assert [row.id for name, row in contamination.split(rows) if name == "kept"] == ["c-0", "c-1"]
    assert contamination.metrics()["templates"] == {"numbers": 1}
