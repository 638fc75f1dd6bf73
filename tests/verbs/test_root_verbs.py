"""The verb nearest the root among the words that were added, and its first direct object."""

import pytest

from stages.verbs.root_verbs import LONGEST_WORD, VerbObject, Word, verb_and_object


def sentence(*words: tuple[str, str, str, int], start: int = 0) -> list[Word]:
    """Words of one character each with a space between: (lemma, part of speech, relation, head)."""
    return [Word(start + 2 * place, *word) for place, word in enumerate(words)]


LIST = sentence(("list", "VERB", "ROOT", 0), ("two", "NUM", "nummod", 2), ("River", "NOUN", "dobj", 0))
ASKED = sentence(("what", "PRON", "attr", 1), ("be", "AUX", "ROOT", 1), ("river", "NOUN", "nsubj", 1))


@pytest.mark.parametrize(
    ("sentences", "added", "expected"),
    [
        ([LIST], [(0, 99)], ("list", "river")),
        ([LIST], [(2, 99)], ("", "")),  # the verb was there before
        ([LIST], [(0, 1)], ("list", "river")),  # the object was, which changes nothing
        ([ASKED], [(0, 99)], ("", "")),  # a copula
        ([ASKED, LIST], [(0, 99)], ("list", "river")),
        ([], [(0, 99)], ("", "")),
        ([LIST], [], ("", "")),
    ],
)
def test_of_the_first_sentence_with_an_added_verb(
    sentences: list[list[Word]], added: list[tuple[int, int]], expected: tuple[str, str]
) -> None:
    assert verb_and_object(sentences, added) == VerbObject(*expected)


def test_the_verb_nearest_the_root_comes_before_the_first() -> None:
    """'To win, use a plan': win depends on use."""
    words = sentence(
        ("win", "VERB", "advcl", 1), ("use", "VERB", "ROOT", 1), ("plan", "NOUN", "obj", 1), ("map", "NOUN", "obj", 1)
    )
    assert verb_and_object([words], [(0, 99)]) == ("use", "plan")
    assert verb_and_object([words], [(0, 1)]) == ("win", "")


@pytest.mark.parametrize(
    "head", [("it", "PRON", "dobj", 0), ("run", "VERB", "ccomp", 0), ("river", "NOUN", "nsubj", 0)]
)
def test_pronouns_clauses_and_subjects_are_no_objects(head: tuple[str, str, str, int]) -> None:
    assert verb_and_object([sentence(("say", "VERB", "ROOT", 0), head)], [(0, 99)]) == ("say", "")


def test_what_is_too_long_for_a_word_is_not_counted() -> None:
    long = "x" * (LONGEST_WORD + 1)
    words = sentence(("name", "VERB", "ROOT", 0), (long, "NOUN", "dobj", 0), ("river", "NOUN", "dobj", 0))
    assert verb_and_object([words], [(0, 99)]) == ("name", "river")
    assert verb_and_object([sentence((long, "VERB", "ROOT", 0))], [(0, 99)]) == ("", "")


def test_a_parse_that_is_no_tree_ends() -> None:
    words = sentence(("a", "VERB", "dep", 1), ("b", "VERB", "dep", 0))
    assert verb_and_object([words], [(0, 99)]) == ("a", "")
