"""Sequences are drawn from their seed and number alone, keep to their settings, and can be computed anew."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.verified.phrases import LANGUAGES, phrases
from stages.verified.sequence_forms import FORMS
from stages.verified.sequence_generation import LONGEST, Pool, Settings, draw_sequence, sequences
from stages.verified.task_types import TASK_TYPES
from stages.verified.verified_rows import MODULES, Verified, recompute


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


def test_lengths_structures_and_languages_take_turns() -> None:
    how = Settings(lengths=range(1, 7), structures=("dependent", "independent"), languages=("en", "de", "es"))
    counts = Counter((len(row.checks), row.structure, row.language) for row in sequences(1, 180, how))
    assert set(counts.values()) == {5}
    assert len(counts) == 36


@given(
    st.integers(0, 5_000), st.sampled_from(["independent", "dependent", "mixed"]), st.sampled_from(["seen", "unseen"])
)
@settings(max_examples=100, deadline=None)
def test_shorter_sequences_begin_like_longer_ones(number: int, structure: str, types: str) -> None:
    how = Settings(lengths=(4,), structures=(structure,), types=types)  # type: ignore[arg-type]
    (longest,) = sequences(2, 1, how, number)
    (shorter,) = sequences(2, 1, how._replace(lengths=(1, 2, 3, 4)), number)
    (single,) = sequences(2, 1, how._replace(lengths=(1, 4), form="first"), number)
    assert {longest.input, shorter.input} == {single.input}
    assert shorter.checks == longest.checks[: len(shorter.checks)]
    assert (single.checks, single.response) == (longest.checks[:1], longest.checks[0].answer)
    assert single.instruction[1:-1] in longest.instruction


def all_forms(number: int) -> dict[str, list[Verified]]:
    how = Settings(lengths=(1, 2, 3), types="all", languages=("en", "de"))
    return {form: list(sequences(3, 1, how._replace(form=form), number)) for form in FORMS}


@given(st.integers(0, 5_000))
@settings(max_examples=100, deadline=None)
def test_forms_state_the_same_tasks_and_answers(number: int) -> None:
    forms = all_forms(number)
    (chain,), (turns,) = forms["chain"], forms["turns"]
    answers = [check.answer for check in chain.checks]
    assert [row.response for row in forms["split"]] == answers
    assert [row.id for row in forms["split"]] == [f"{chain.id}.{n}" for n, _ in enumerate(answers, 1)]
    assert all(recompute(row.input_type, row.input, row.checks) == [row.response] for row in forms["split"])
    assert [*(answer for _, answer in turns.history), turns.response] == answers
    asked = [*(question for question, _ in turns.history), turns.instruction]
    assert (chain.input in asked[0]) == (len(asked) > 1)
    assert all(question[1:].split(".\n")[0].rstrip(".") in chain.instruction for question in asked)


def test_short_inputs_are_shorter() -> None:
    def size(inputs: str) -> int:
        return sum(len(row.input) for row in sequences(1, 300, Settings(inputs=inputs)))  # type: ignore[arg-type]

    assert size("short") < 0.7 * size("long")


@pytest.mark.parametrize("layout", ["numbered", "lines"])
def test_layouts(layout: str) -> None:
    rows = list(sequences(1, 30, Settings(lengths=(3,), layouts=(layout,))))  # type: ignore[arg-type]
    assert {row.layout for row in rows} == {layout}
    assert all(row.response.startswith("1. ") is (layout == "numbered") for row in rows)


def test_no_task_comes_twice_with_the_same_arguments() -> None:
    for row in sequences(1, 100, Settings(lengths=(6,), structures=("independent",), types="all")):
        tasks = [(check.task, tuple(check.arguments.items())) for check in row.checks]
        assert len(set(tasks)) == len(tasks)


def test_a_length_that_no_input_allows_is_refused() -> None:
    how = Settings(lengths=(2,), structures=("independent",), types="unseen")
    pools: dict[str, Pool] = {"en": {"date": [TASK_TYPES["date.day_of_year"]]}}
    with pytest.raises(ValueError, match="no sequence of 2 tasks"):
        draw_sequence(1, 1, how, pools)
    assert draw_sequence(1, 1, how._replace(lengths=(1,)), pools).tasks[0].check.task == "date.day_of_year"
