"""Words and runs of words, in any language."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.decontamination.word_hashes import grams, spelled, wholes, windows, words

SPELLED = [
    ("Hello, World!", ["hello", "world"]),
    ("don't  re-use_it", ["don", "t", "re", "use", "it"]),
    ("x² + 2 = ½", ["x2", "2", "1", "2"]),
    ("ﬁne Ｆｕｌｌ", ["fine", "full"]),
    ("zero\u200bwidth so\u00adft", ["zerowidth", "soft"]),
    ("我爱GPT-4。", ["我", "爱", "gpt", "4"]),
    ("हिन्दी में", ["हिन्दी", "में"]),
    ("한국어 문장", ["한국어", "문장"]),
    ("", []),
    (" \n!?", []),
]


@pytest.mark.parametrize(("text", "expected"), SPELLED)
def test_the_words_of_a_text(text: str, expected: list[str]) -> None:
    assert spelled([text]) == [expected]


def runs(text: str, n: int) -> list[list[str]]:
    """The n-grams of a text, spelled out."""
    word_lists, runs_of = spelled([text])[0], grams(words([text]), n)
    return [word_lists[start : start + length] for start, length in zip(runs_of.starts, runs_of.lengths, strict=True)]


GRAMS = [
    ("a b c", 2, [["a", "b"], ["b", "c"]]),
    ("a b", 3, []),
    ("我爱北京天", 2, [["我", "爱", "北", "京"], ["爱", "北", "京", "天"]]),
    ("我爱 tea", 2, [["我", "爱", "tea"]]),
    ("x 我 y z", 2, [["x", "我", "y"], ["我", "y", "z"], ["y", "z"]]),
]


@pytest.mark.parametrize(("text", "n", "expected"), GRAMS)
def test_a_character_of_a_script_without_spaces_is_half_a_word(text: str, n: int, expected: list[list[str]]) -> None:
    assert runs(text, n) == expected


ALPHABET = st.text(st.sampled_from("ab 我爱.")).map(str)


@given(st.lists(ALPHABET, max_size=6), st.integers(1, 4))
def test_runs_are_equal_when_their_words_are_and_stay_inside_their_text(texts: list[str], length: int) -> None:
    word_lists = spelled(texts)
    expected = [(t, s, tuple(w[s : s + length])) for t, w in enumerate(word_lists) for s in range(len(w) - length + 1)]
    runs_of = windows(words(texts), length)
    assert list(zip(runs_of.texts, runs_of.starts, strict=True)) == [(t, s) for t, s, _ in expected]
    names: dict[tuple[str, ...], int] = {}
    for (_, _, run), value in zip(expected, runs_of.hashes.tolist(), strict=True):
        assert names.setdefault(run, value) == value
    assert len(set(names.values())) == len(names)


@given(st.lists(ALPHABET, max_size=6))
def test_what_a_text_hashes_to_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = wholes(words(texts))
    alone = [wholes(words([text])).hashes.tolist() for text in texts]
    assert together.hashes.tolist() == [value for values in alone for value in values]


def test_symbols_are_words_where_they_tell_texts_apart() -> None:
    plus, minus = (wholes(words([text], symbols=True)).hashes for text in ("2 + 2", "2 - 2"))
    assert not np.array_equal(plus, minus)
    assert np.array_equal(wholes(words(["2 + 2"])).hashes, wholes(words(["2 - 2"])).hashes)
    assert np.array_equal(wholes(words(["Go, on!"], symbols=True)).hashes, wholes(words(["go on"])).hashes)
