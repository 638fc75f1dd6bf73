"""VQA's own accuracy: answers made alike, held against those of ten people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.benchmarks.vqa_rule import accuracy, normalised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Red  Car", "red car"),
        ("Two dogs", "2 dogs"),
        ("none", "0"),
        ("an apple, a pear", "apple pear"),
        ("red/green", "red green"),
        ("red / green", "red green"),
        ("1,000", "1000"),
        ("2.5 m.", "2.5 m"),
        ("U.S.", "us"),
        ("dont", "don't"),
        ("couldnt've", "couldn't've"),
        ("well", "well"),
        ("its", "its"),
        ("t-shirt", "t shirt"),
        ("yes!", "yes"),
        ("the", ""),
        ("\n\t", ""),
        ("3:30 o'clock", "3:30 o'clock"),
    ],
)
def test_normalisation_as_vqa_has_it(text: str, expected: str) -> None:
    assert normalised(text) == expected


@given(st.text())
def test_case_and_space_change_nothing(text: str) -> None:
    assert normalised(f" {text}\n") == normalised(text)
    assert normalised(normalised(text)) == normalised(normalised(normalised(text)))


@pytest.mark.parametrize(("matches", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_vqas_accuracy_leaves_one_of_ten_out(matches: int, expected: float) -> None:
    people = ["Red."] * matches + ["blue"] * (10 - matches)
    assert accuracy("the red", people) == pytest.approx(expected)


@given(st.lists(st.sampled_from(["red", "Red", "blue", "2", "two"]), max_size=12), st.randoms())
def test_accuracy_does_not_depend_on_the_order_of_people(people: list[str], rng: Any) -> None:
    before = accuracy("red", people)
    rng.shuffle(people)
    assert 0 <= before <= 1
    assert accuracy("RED", people) == pytest.approx(before)
