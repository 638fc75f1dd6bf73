"""Rows made from one template: they differ in a number only, or in a few words in one place."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stages.decontamination.word_hashes import spelled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")


class Text(NamedTuple):
    """The numbers and words of a row."""

    numbers: tuple[str, ...]
    """In order; digits of every script."""
    words: "NDArray[np.uint64]"
    """A hash of each, in order."""


Difference = Callable[[int, int], str]
"""(row, other row) -> "numbers" or "slot", the difference of two similar rows; "" for none of these."""


def texts(rows: Iterable[str]) -> list[Text]:
    """The numbers and words of each row."""
    rows = list(rows)
    return [Text(_numbers(row), _hashes(words)) for row, words in zip(rows, spelled(rows), strict=True)]


def difference(texts: Sequence[Text], numbers: bool, slot: int) -> Difference:
    """The `Difference` of rows: in their numbers, or in 1 to `slot` words in one place."""

    def apart(row: int, other: int) -> str:
        if numbers and texts[row].numbers != texts[other].numbers:
            return "numbers"
        return "slot" if slot and 1 <= _replaced(texts[row].words, texts[other].words) <= slot else ""

    return apart


def _numbers(text: str) -> tuple[str, ...]:
    """Every number, its digits as those of ASCII."""
    digits = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
    return tuple(NUMBER.findall(digits))


def _hashes(words: Sequence[str]) -> "NDArray[np.uint64]":
    import numpy as np

    return np.frombuffer(b"".join(hashlib.blake2b(w.encode(), digest_size=8).digest() for w in words), np.uint64)


def _replaced(one: "NDArray[np.uint64]", other: "NDArray[np.uint64]") -> int:
    """The most words that either has in the one place where the two differ; 0 where words are only added or none is."""
    shorter = min(len(one), len(other))
    begin = _common(one[:shorter], other[:shorter])
    end = _common(one[::-1][: shorter - begin], other[::-1][: shorter - begin])
    left = (len(one) - begin - end, len(other) - begin - end)
    return max(left) if min(left) else 0


def _common(one: "NDArray[np.uint64]", other: "NDArray[np.uint64]") -> int:
    """How many words two texts of equal length begin with alike."""
    import numpy as np

    differ = np.flatnonzero(one != other)
    return int(differ[0]) if len(differ) else len(one)
