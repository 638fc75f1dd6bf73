"""Split texts into words and hash runs of words, in every language, also in scripts without spaces."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that are written without spaces. A character of theirs, with its marks, counts as half a word."""
CHARACTER = rf"[{UNSPACED}]\p{{M}}*"
WORD = rf"[\p{{L}}\p{{N}}\p{{M}}--[{UNSPACED}]]+"
SYMBOL = r"""[^\s\p{L}\p{N}\p{M}.,;:!?'"‘’“”…。，、！？；：]"""
"""What is neither in a word nor a sentence's punctuation: "+", "(", "<", an emoji."""
WHOLE, HALF = 2, 1
BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""


class Words(NamedTuple):
    """The words of many texts, one text after the other."""

    sums: "NDArray[np.uint64]"
    """Before each word, and behind the last: sum of the words' hashes so far, each times the next power of BASE."""
    inverses: "NDArray[np.uint64]"
    """What takes the power of BASE out of a run that begins with this word."""
    halves: "NDArray[np.int64]"
    """How many half words lie before each word, and behind the last."""
    starts: "NDArray[np.int64]"
    """Where each text's words begin, and where the last text's end."""


class Grams(NamedTuple):
    """Runs of words, each inside one text."""

    hashes: "NDArray[np.uint64]"
    """Equal for equal words in equal order (but for a chance of 1 in 2^64)."""
    texts: "NDArray[np.int64]"
    """Which text each is of; ascending."""
    starts: "NDArray[np.int64]"
    """Where each begins, counted in words from the beginning of its text."""
    lengths: "NDArray[np.int64]"
    """Of how many words (or characters, in scripts without spaces) each is."""


def words(texts: Iterable[str], symbols: bool = False) -> Words:
    """The words of each text: NFKC, small letters, invisible format characters dropped.

    A word is a run of letters, figures and their marks; in scripts without spaces every character is one. With
    `symbols`, "+" or "(" are words too, for where "2 + 2" is another text than "2 - 2".
    """
    import numpy as np

    lists = _lists(texts, symbols)
    flat = lists.explode(empty_as_null=False)
    sizes = np.where(flat.str.contains(rf"^[{UNSPACED}]").to_numpy(), HALF, WHOLE)
    starts = _sums(lists.list.len().to_numpy().astype(np.int64))
    weighed = flat.hash(seed=0).to_numpy() * _powers(BASE, len(flat))
    inverses = _powers(pow(BASE, -1, 1 << 64), len(flat))
    return Words(_sums(weighed), inverses, _sums(sizes), starts)


def spelled(texts: Iterable[str]) -> list[list[str]]:
    """The words of each text as they are compared."""
    return _lists(texts, symbols=False).to_list()


def _lists(texts: Iterable[str], symbols: bool) -> "pl.Series":
    import polars as pl

    plain = pl.Series(texts, dtype=pl.String).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\p{Cf}", "")
    return plain.str.extract_all("|".join([CHARACTER, WORD, *([SYMBOL] if symbols else [])]))


def grams(text_words: Words, n: int) -> Grams:
    """Every run of n words: from each word on, as few as make up n, two characters of an unspaced script being one."""
    import numpy as np

    ends = np.searchsorted(text_words.halves, text_words.halves[:-1] + WHOLE * n)
    return _runs(text_words, np.arange(len(text_words.inverses)), ends)


def windows(text_words: Words, length: int, at: "NDArray[np.int64] | None" = None) -> Grams:
    """Every run of `length` words, however long they are; at: where the runs begin, among all words (ascending)."""
    import numpy as np

    starts = np.arange(len(text_words.inverses)) if at is None else at
    return _runs(text_words, starts, starts + length)


def wholes(text_words: Words) -> Grams:
    """Each text that has a word at all, as one run."""
    import numpy as np

    some = np.diff(text_words.starts) > 0
    return _runs(text_words, text_words.starts[:-1][some], text_words.starts[1:][some])


def _runs(text_words: Words, starts: "NDArray[np.int64]", ends: "NDArray[np.int64]") -> Grams:
    """The runs from `starts` to `ends` that lie inside a text: differences of one sum over powers of BASE."""
    import numpy as np

    texts = np.repeat(np.arange(len(text_words.starts) - 1), np.diff(text_words.starts))[starts]
    inside = ends <= text_words.starts[texts + 1]
    starts, ends, texts = starts[inside], ends[inside], texts[inside]
    hashes = (text_words.sums[ends] - text_words.sums[starts]) * text_words.inverses[starts]
    return Grams(hashes, texts, starts - text_words.starts[texts], ends - starts)


def _sums(values: "NDArray[Any]") -> "NDArray[Any]":
    """What lies before each value, and behind the last."""
    import numpy as np

    return np.concatenate([np.zeros(1, values.dtype), np.cumsum(values, dtype=values.dtype)])


def _powers(base: int, count: int) -> "NDArray[np.uint64]":
    import numpy as np

    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.multiply.accumulate(powers)
