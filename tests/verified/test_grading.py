"""Checks accept what is right, and nothing else: empty, foreign, copied and slightly broken answers."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.verified import typed_values
from stages.verified.grading import grade
from stages.verified.inputs import MAKERS, draw_input
from stages.verified.response_segments import segments
from stages.verified.sequence_generation import Settings, sequences
from stages.verified.task_types import TASK_TYPES
from stages.verified.typed_values import ValueType
from stages.verified.verified_rows import Check, Verified, respond
from tests.verified.examples import broken, drawn

ALL = Settings(lengths=(1, 2, 3, 6), languages=("en", "de", "es"), types="all", wordings="all")


@pytest.mark.parametrize("name", TASK_TYPES)
def test_each_check_accepts_the_right_answer_and_no_other(name: str) -> None:
    random, task = Random(name), TASK_TYPES[name]
    for _ in range(20):
        value, check = drawn(task, random)
        right = typed_values.parse(check.type, check.answer)
        shown = typed_values.render(task.takes, value)
        assert grade(check.answer, [check]).strict == 1
        assert grade(check.answer, [check], shown).all_right == 1
        for wrong in ("", " ", "\n", "I cannot do that.", typed_values.render(check.type, broken(check.type, right))):
            result = grade(wrong, [check], shown)
            assert (result.right, result.strict) == (0, 0), wrong
        assert grade("", [check], shown).following == 0
        _, other = drawn(task, random)
        if other.answer.rstrip(".") != check.answer.rstrip("."):
            assert grade(other.answer, [check], shown).right == 0


@pytest.mark.parametrize("name", TASK_TYPES)
def test_a_copy_of_the_prompt_attempts_nothing_that_it_does_not_answer(name: str) -> None:
    value, check = drawn(TASK_TYPES[name], Random(name))
    shown = typed_values.render(TASK_TYPES[name].takes, value)
    result = grade(shown, [check], shown, "Do it.")
    assert result.following == result.right


@given(st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_the_right_response_is_right_and_one_broken_answer_costs_one_task(number: int) -> None:
    row = next(iter(sequences(7, 1, ALL, number)))
    assert graded(row, row.response)[1:] == (1, 1, 1, 1, 1, 1)
    place = number % len(row.checks)
    check = row.checks[place]
    wrong = typed_values.render(check.type, broken(check.type, typed_values.parse(check.type, check.answer)))
    checks = [*row.checks[:place], Check(check.task, {}, 0, check.type, wrong), *row.checks[place + 1 :]]
    result = graded(row, respond(checks, row.layout))
    assert [task.lenient for task in result.tasks] == [n != place for n in range(len(checks))]
    assert result.depth == place / len(checks)
    assert result.all_right == 0
    assert result.following == 1


@given(st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_a_dropped_task_is_no_following(number: int) -> None:
    row = next(iter(sequences(7, 1, ALL._replace(lengths=(2, 3, 6)), number)))
    result = graded(row, "\n".join(row.response.split("\n")[:-1]))
    assert result.following == 0
    assert [task.attempted for task in result.tasks] == [True] * (len(row.checks) - 1) + [False]


def graded(row: Verified, response: str):
    return grade(response, row.checks, row.input, row.instruction)


@pytest.mark.parametrize(
    ("type", "answer", "response", "lenient"),
    [
        ("number", "7", "7.", True),
        ("number", "7", "The text has 7 words.", True),
        ("number", "7", "**7**", True),
        ("number", "7", "Answer: 7", True),
        ("number", "-7", "\u22127", True),
        ("number", "7", "between 6 and 7", False),
        ("number", "7", "17", False),
        ("number", "1200", "1,200", True),
        ("number", "1200", "The sum is **1,200**.", True),
        ("number", "1200", "1,200.5", False),
        ("number", "1200", "1,20", False),
        ("word", "lamp", "```\nlamp\n```", True),
        ("object", '{"a":1,"b":2}', '```json\n{\n  "a": 1,\n  "b": 2\n}\n```', True),
        ("object", '{"a":1}', '`{"a":1}`', True),
        ("words", "a, b", "- a\n- b", True),
        ("words", "a, b", "a\nb\nc", False),
        ("numbers", "1, 2", "1\n2", True),
        ("text", "A B.", "**A B.**", True),
        ("text", "A B ***", "**A B**", False),
        ("date", "2020-01-02", "The day is 2020-01-02.", True),
        ("date", "2020-01-02", "2020-01-02 or 2020-01-03", False),
        ("number", "7", "7.5", False),
        ("number", "7", "7,500", False),
        ("words", "a, b", "[a; b]", True),
        ("words", "a, b", "a and b", True),
        ("words", "a, b", '"a", "b"', True),
        ("words", "a, b", "b, a", False),
        ("words", "a, b", "a, b, c", False),
        ("words", "A, B", "a, b", False),
        ("word", "lamp", "The word is “lamp”.", True),
        ("word", "lamp", "- lamp", True),
        ("word", "lamp", "lamps", False),
        ("text", "A B.", "A B", True),
        ("text", "A B.", "a b.", False),
        ("text", "A B ***", "A B", False),
        ("date", "2020-01-02", "Date: 2020-01-02.", True),
        ("date", "2020-01-02", "2020-02-01", False),
        ("decision", "yes", "Yes, it is even.", True),
        ("decision", "yes", "No, but yes", False),
        ("object", '{"a":1}', '{ "a": 1 }', True),
        ("object", '{"a":1}', '{"a": "1"}', False),
        ("numbers", "1, 2", "1; 2", True),
        ("numbers", "1, 2", "12", False),
        ("words", "a, b", "| a | b |", True),
        ("words", "a, b", "| word |\n|---|\n| a |\n| b |", True),
        ("words", "a, b", "| word | of |\n|---|---|\n| a | b |\n| b | a |", False),
        ("words", "a, b", "| a | b | c |", False),
        ("numbers", "1, 2", "| n |\n|:-:|\n| 1 |\n| 2 |", True),
        ("numbers", "1, 2", "| n |\n|---|\n| 2 |\n| 1 |", False),
        ("object", '{"a":1,"b":-2}', "| word | n |\n|---|---|\n| a | 1 |\n| b | \u22122 |", True),
        ("object", '{"a":1}', "| a | 2 |", False),
        ("object", '{"a":1}', "| a | 1 |\n| b | 2 |", False),
        ("object", '{"a":1}', "|", False),
        ("words", "a", "|||||", False),
        ("date", "2020-01-02", "2 January 2020", True),
        ("date", "2020-01-02", "It is Thursday, January 2nd, 2020.", True),
        ("date", "2020-01-02", "2. Januar 2020", True),
        ("date", "2020-01-02", "El 2 de enero de 2020.", True),
        ("date", "2020-01-02", "the 2nd of Jan 2020", True),
        ("date", "2020-01-02", "2 January 2021", False),
        ("date", "2020-01-02", "January 2, 2020 or January 3, 2020", False),
        ("date", "2020-01-02", "02/01/2020", False),
        ("date", "2020-01-02", "31 February 2020", False),
        ("dates", "2020-01-02, 2020-03-04", "January 2, 2020, and March 4, 2020", True),
        ("dates", "2020-01-02, 2020-03-04", "- 2 January 2020\n- 4 March 2020", True),
        ("dates", "2020-01-02, 2020-03-04", "4 March 2020, 2 January 2020", False),
        ("decision", "yes", "yes or no", False),
        ("decision", "yes", "yes\nno", False),
        ("decision", "yes", "Yes, no remainder is left.", True),
    ],
)
def test_common_forms(type: ValueType, answer: str, response: str, lenient: bool) -> None:
    assert bool(grade(response, [Check("x", {}, 0, type, answer)]).right) is lenient


@pytest.mark.parametrize(
    ("response", "cut"),
    [
        ("1. a\n2. b", ["a", "b"]),
        ("1) a\n2) b\n3) c", ["a", "b"]),
        ("**1.** a\n**2.** b", ["a", "b"]),
        ("Here they are:\na\nb", ["a", "b"]),
        ("```\na\nb\n```", ["a", "b"]),
        ("### 1.\na\n### 2.\nb", ["a", "b"]),
        ("**Task 1:** a\n**Task 2:** b", ["a", "b"]),
        ("## Step 1: a\n\n## Step 2: b", ["a", "b"]),
        ("1\\. a\n2\\. b", ["a", "b"]),
        ("１．a\n２．b", ["a", "b"]),
        ("a\n\nb", ["a", "b"]),
        ("a", ["a", ""]),
        ("", ["", ""]),
        ("1.\n2.", ["", ""]),
        ("1. a, then\nmore\n2. b", ["a, then\nmore", "b"]),
        ("3 apples\n2 pears", ["3 apples", "2 pears"]),
        ("7\n- a\n- b", ["7", "- a\n- b"]),
        ("- a\n- b\n\n- c\n- d", ["- a\n- b", "- c\n- d"]),
        ("- a\n- b", ["- a", "- b"]),
        ("a\nb\n\nc\nd", ["a\nb", "c\nd"]),
        ("Here:\n\na\nb\n\nc", ["a\nb", "c"]),
        ('```json\n{\n  "a": 1\n}\n```\n7', ['{\n"a": 1\n}', "7"]),
        ("7\n| a | b |\n|---|---|\n| 1 | 2 |", ["7", "| a | b |\n|---|---|\n| 1 | 2 |"]),
        ("a\nb\nc", ["a", "b"]),
        ("{\na\nb", ["{", "a"]),
    ],
)
def test_a_response_is_cut_by_numbers_or_lines(response: str, cut: list[str]) -> None:
    assert segments(response, 2) == cut


@given(st.text(max_size=300), st.integers(0, 500))
@settings(max_examples=300, deadline=None)
def test_any_text_is_graded(text: str, number: int) -> None:
    row = next(iter(sequences(3, 1, ALL, number)))
    result = graded(row, text)
    assert all(0 <= share <= 1 for share in result[1:])
    assert all(task.attempted or not task.lenient for task in result.tasks)
    assert all(task.lenient or not task.strict for task in result.tasks)


def test_every_type_of_input_can_be_made_and_read_back() -> None:
    random = Random(1)
    for type in MAKERS:
        value = draw_input(random, type)
        if type != "code":
            assert typed_values.parse(type, typed_values.render(type, value)) == value
