"""Constraints accept what is made to satisfy them and nothing else, and drawn combinations can be satisfied."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.records import ResponseCheck
from stages.verified.constraint_drawing import constraint_languages, draw_constraint
from stages.verified.constraint_types import CONSTRAINT_TYPES, EXCLUDES, exclude_each_other
from stages.verified.response_checks import check_response, invalid
from tests.verified.constraint_examples import broken, respond

PLAIN = {
    "en": "What is the difference between a lake and a river?",
    "de": "Was unterscheidet einen See von einem Fluss?",
}


def drawn(seed: int, language: str, count: int, instruction: str = "") -> tuple[str, list[ResponseCheck]]:
    """An instruction with up to `count` constraints, one after another."""
    random, text = Random(seed), instruction or PLAIN[language]
    checks: list[ResponseCheck] = []
    for _ in range(count):
        if one := draw_constraint(random, text, language, checks):
            text, checks = f"{text} {one.sentence}", [*checks, one.check]
    return text, checks


def satisfied(text: str, *checks: ResponseCheck) -> list[bool]:
    return [result.satisfied for result in check_response(text, checks)]


SINGLE = {check.name: check for seed in range(400) for check in drawn(seed, "en", 1)[1]}


def test_every_type_is_drawn_in_every_language() -> None:
    assert SINGLE.keys() == CONSTRAINT_TYPES.keys()
    assert len(SINGLE) >= 20
    names = {name for seed in range(400) for check in drawn(seed, "de", 1)[1] for name in [check.name]}
    assert names == CONSTRAINT_TYPES.keys()
    assert set(constraint_languages()) == {"en", "de"}


@pytest.mark.parametrize("name", CONSTRAINT_TYPES)
def test_a_check_accepts_what_satisfies_it_and_nothing_else(name: str) -> None:
    check = SINGLE[name]
    assert invalid(check) == ""
    assert satisfied(respond([check]), check) == [True]
    assert satisfied(f"\n {respond([check])} \n", check) == [True]
    for wrong in ("", " \n", *broken(check)):
        assert satisfied(wrong, check) == [False], wrong


@given(st.integers(0, 10**6), st.sampled_from(["en", "de"]))
@settings(max_examples=300, deadline=None)
def test_any_combination_that_is_drawn_can_be_satisfied_and_breaking_one_breaks_it(seed: int, language: str) -> None:
    text, checks = drawn(seed, language, 4)
    assert all(satisfied(respond(checks), *checks)), (checks, respond(checks))
    assert len({CONSTRAINT_TYPES[check.name].family for check in checks}) == len(checks)
    assert "{" not in text.replace("{n}", "")
    for check in checks:
        assert not any(satisfied(wrong, check)[0] for wrong in broken(check))


@given(st.text(max_size=200), st.sampled_from(sorted(SINGLE)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_checked(text: str, name: str) -> None:
    assert satisfied(text, SINGLE[name])[0] in (True, False)


@pytest.mark.parametrize(
    ("instruction", "family"),
    [
        ("Write the name of the river in upper case.", "case"),
        ("Explain in two sentences what a lake is.", "sentences"),
        ("List three lakes.", "layout"),
        ("Describe a lake in French.", "script"),
        ("Describe a lake as JSON.", "json"),
        ("Begin with the largest lake.", "start"),
        ("Separate the lakes by commas.", "comma"),
    ],
)
def test_an_instruction_that_speaks_of_a_family_gets_none_of_it(instruction: str, family: str) -> None:
    families = {CONSTRAINT_TYPES[c.name].family for seed in range(150) for c in drawn(seed, "en", 1, instruction)[1]}
    assert family not in families
    assert families


@pytest.mark.parametrize(
    "instruction", ["Translate it into German.", "Write a Python function.", "Answer with yes or no."]
)
def test_an_instruction_with_one_right_answer_gets_no_constraint(instruction: str) -> None:
    assert drawn(1, "en", 1, instruction)[1] == []


def test_no_constraint_in_a_language_without_wordings() -> None:
    assert draw_constraint(Random(1), "O que é um lago?", "pt") is None


def test_what_is_kept_out_is_not_put_in_by_another() -> None:
    assert exclude_each_other("letter.none", {"letter": "w"}, "include.word", {"word": "window", "n": 1})
    assert exclude_each_other("include.word", {"word": "Because", "n": 1}, "exclude.word", {"word": "because"})
    assert not exclude_each_other("letter.none", {"letter": "x"}, "include.word", {"word": "window", "n": 1})
    families = {type.family for type in CONSTRAINT_TYPES.values()}
    assert families >= EXCLUDES.keys() | {other for others in EXCLUDES.values() for other in others}


def test_draws_spread_over_the_types() -> None:
    counts = Counter(check.name for seed in range(600) for check in drawn(seed, "en", 1)[1])
    assert min(counts.values()) > 8
    assert max(counts.values()) < 80


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("words.most", {}, "no check is named"),
        ("words.at_most", {}, "takes n"),
        ("words.at_most", {"n": 3, "m": 1}, "takes n"),
        ("words.at_most", {"n": "3"}, "is no n"),
        ("words.at_most", {"n": 0}, "is no n"),
        ("words.at_most", {"n": True}, "is no n"),
        ("json.keys", {"keys": []}, "is no keys"),
        ("json.keys", {"keys": [1]}, "is no keys"),
        ("exclude.word", {"word": ""}, "is no word"),
        ("script.language", {"language": "Klingon"}, "known are"),
        ("case.upper", {"n": 1}, "no arguments"),
        ("tasks", {"tasks": []}, "at least one"),
        ("tasks", {"tasks": [{"task": "x"}]}, "check tasks"),
    ],
)
def test_a_check_that_is_none_is_refused(name: str, arguments: dict, reason: str) -> None:
    assert reason in invalid(ResponseCheck(name, arguments))
    with pytest.raises(ValueError, match="check"):
        check_response("text", [ResponseCheck(name, arguments)])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two.", 2),
        ("Dr. Who? Yes!", 3),
        ("1. One.\n2. Two.", 2),
        ('"One." "Two!"', 2),
        ("3.5 is one.", 1),
    ],
)
def test_sentences(text: str, count: int) -> None:
    n = {"n": count}
    at_most, at_least = ResponseCheck("sentences.at_most", n), ResponseCheck("sentences.at_least", n)
    assert satisfied(text, at_most, at_least) == [True, True]
    assert satisfied(f"{text} More.", at_most) == [False]
    assert satisfied("No end mark", ResponseCheck("sentences.at_most", {"n": 1})) == [True]


@pytest.mark.parametrize(
    ("name", "arguments", "right", "wrong"),
    [
        ("words.at_least", {"n": 3}, "one two \u2013 three", "one \u2013 two - *"),
        ("words.at_most", {"n": 2}, "- one\n- two", "- one\n- two\n- three"),
        ("paragraphs.exactly", {"n": 2}, "One.\n\n---\n\nTwo.", "One.\n\n---"),
        ("bullets.exactly", {"n": 1}, "- one\n\n* * *", "- one\n- two\n* * *"),
        ("bullets.exactly", {"n": 2}, "- **one**\n* [two](x)", "- one\n- -"),
        ("numbered.exactly", {"n": 2}, "1. one\n2. **two**", "1. one\n2. -"),
        ("end.postscript", {"marker": "P.S."}, "One.\nP.S. Two.", "One.\nP.S. -"),
        ("json.keys", {"keys": ["a", "b"]}, '{"a": 0, "b": false}', '{"a": 0, "b": " "}'),
        ("json.keys", {"keys": ["a"]}, '{"a": [0]}', '{"a": []}'),
        ("json.keys", {"keys": ["a"]}, '{"a": {"b": 1}}', '{"a": {}}'),
    ],
)
def test_signs_and_empty_values_are_no_content(name: str, arguments: dict, right: str, wrong: str) -> None:
    check = ResponseCheck(name, arguments)
    assert satisfied(right, check) == [True]
    assert satisfied(wrong, check) == [False]
