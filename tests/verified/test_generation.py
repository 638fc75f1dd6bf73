"""Sequences are drawn from their seed and number alone, keep to their settings, and can be computed anew."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.verified.phrases import LANGUAGES, phrases
from stages.verified.sequence_generation import LONGEST, MODULES, TASK_TYPES, Settings, recompute, sequences


def test_there_are_enough_types_of_task_and_some_are_held_out_for_each_input() -> None:
    assert len(TASK_TYPES) >= 40
    takes = Counter(task.takes for task in TASK_TYPES.values() if task.held_out)
    assert {"text", "words", "numbers", "number", "table", "date", "object", "code"} <= takes.keys()
    assert all(len(set(phrases("en").tasks[name])) >= 3 for name in TASK_TYPES)
    assert all(phrases(language).tasks.keys() <= TASK_TYPES.keys() for language in LANGUAGES)
    assert {task.answer.__module__ for task in TASK_TYPES.values()} == {module.__name__ for module in MODULES}


@given(st.integers(0, 10**5), st.integers(1, LONGEST))
@settings(max_examples=150, deadline=None)
def test_right_answers_are_computed_anew_from_names_and_arguments(number: int, length: int) -> None:
    row = next(iter(sequences(5, 1, Settings(lengths=(length,), types="all", wordings="all"), number)))
    assert len(row.checks) == length
    assert recompute(row.input_type, row.input, row.checks) == [check.answer for check in row.checks]


def test_a_row_does_not_depend_on_the_others() -> None:
    rows = list(sequences(1, 20, Settings()))
    assert rows == list(sequences(1, 20, Settings()))
    assert rows[7:9] == list(sequences(1, 2, Settings(), start=7))
    assert rows != list(sequences(2, 20, Settings()))


@pytest.mark.parametrize("structure", ["independent", "dependent", "mixed"])
def test_structures(structure: str) -> None:
    rows = list(sequences(1, 50, Settings(lengths=(4,), structures=(structure,))))  # type: ignore[arg-type]
    sources = {tuple(check.source for check in row.checks) for row in rows}
    if structure == "independent":
        assert sources == {(0, 0, 0, 0)}
    elif structure == "dependent":
        assert sources == {(0, 1, 2, 3)}
    else:
        assert len(sources) > 2


def test_held_out_types_and_wordings_are_not_seen_in_training() -> None:
    seen = list(sequences(1, 300, Settings(languages=("en",))))
    unseen = list(sequences(1, 300, Settings(types="unseen", wordings="unseen")))
    assert not {c.task for row in seen for c in row.checks} & {c.task for row in unseen for c in row.checks}
    first = {opening(text) for name in TASK_TYPES for text in phrases("en").tasks[name][:-1]}
    only_last = {opening(text) for name in TASK_TYPES for text in phrases("en").tasks[name][-1:]} - first - {"-"}
    assert not any(text in row.instruction.lower() for row in seen for text in only_last)
    assert any(text in row.instruction.lower() for row in unseen for text in only_last)


def opening(wording: str) -> str:
    """What a wording begins with, up to its first placeholder; long enough to be no part of another by chance."""
    text = wording.partition("{")[0].lower()
    return text if len(text) > 12 else "-"


def test_no_placeholder_is_left_and_every_language_has_its_words() -> None:
    for language in LANGUAGES:
        for row in sequences(1, 200, Settings(lengths=(1, 3), languages=(language,), types="all", wordings="all")):
            plain = row.instruction
            assert "{" not in plain, plain
            assert row.language == language


def test_a_dependent_task_changes_what_it_is_about() -> None:
    for row in sequences(1, 200, Settings(lengths=(3,), structures=("dependent",))):
        answers = [check.answer for check in row.checks]
        gives = [check.type for check in row.checks]
        assert all(a != b for a, b in pairwise(zip(answers, gives, strict=True)))


@pytest.mark.parametrize("lengths", [(), (0,), (21,), (-1, 2)])
def test_lengths_out_of_range_are_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="lengths"):
        sequences(1, 1, Settings(lengths=lengths))


def test_a_language_without_unseen_types_is_refused() -> None:
    with pytest.raises(ValueError, match="'de'"):
        sequences(1, 1, Settings(languages=("de",), types="unseen"))
