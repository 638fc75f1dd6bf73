"""Which words a round added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.verbs import added_text
from stages.verbs.added_text import added_spans


def parts(before: str, after: str) -> list[str]:
    return [after[start:end].strip() for start, end in added_spans(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "added"),
    [
        ("Name a river.", "Name a river.", []),
        ("Name a river.", "Name a river.\n", []),
        ("", "Name a river.", ["Name a river."]),
        ("Name a river.", "Name a river. Then explain its course.", ["Then explain its course."]),
        ("Name a river.", "First, list rivers. Then name a river.", ["First, list rivers. Then"]),
        # What was first is now next: its connective is replaced, and the task is not added again.
        (
            "First, note the reason is short. Then answer.",
            "First, note the reason and give it. Next, note the reason is short. Then answer.",
            ["First, note the reason and give it. Next,"],
        ),
        ("Name a river.", "Name a long river and a lake.", ["long", "and a lake"]),
        ("Name a river.", "Translate this: who?", ["Translate this: who?"]),
        ("Say one", "Say oneself", ["oneself"]),  # not the word "one" and an addition
        ("art", "Start", ["Start"]),
        ("列出三条河", "首先解释。列出三条河", ["首先解释。"]),
    ],
)
def test_parts(before: str, after: str, added: list[str]) -> None:
    assert parts(before, after) == added


@given(st.text(max_size=60), st.text(max_size=60))
def test_spans_are_parts_of_the_new_text_in_order(before: str, after: str) -> None:
    spans = added_spans(before, after)
    places = [place for span in spans for place in span]
    assert places == sorted(places)
    assert all(0 <= start < end <= len(after) for start, end in spans)


@given(st.text(max_size=80))
def test_nothing_is_added_to_an_equal_text(text: str) -> None:
    assert added_spans(text, text) == []


def test_long_texts_are_not_compared_word_by_word() -> None:
    after = "b " * (added_text.LONGEST_DIFF + 1)
    assert added_spans("a b c d", after) == [(0, len(after.rstrip()))]
