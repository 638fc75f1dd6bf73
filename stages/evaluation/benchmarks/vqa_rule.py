"""Compare answers about pictures: VQA's accuracy and its normalisation.

After Antol et al. (2015, https://arxiv.org/abs/1505.00468) and the evaluation code of its authors
(https://github.com/GT-Vision-Lab/VQA), with the same results except for two errors of that code. It does not normalise
where all ten people agree, so that "Red" is then not "red"; this module always does. It never restores "I'm", which it
searches in lower-case text, and removes the apostrophe of "somebody'd" instead of inserting it.
"""

import re
from collections.abc import Sequence

ENOUGH = 3
"""Other people who must have given an answer for it to count in full."""
_TO_TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_TO_TEN)}
ARTICLES = ("a", "an", "the")
_MARKS = re.escape(';/[]"{}()=+\\_-><@`,?!')
_MARK = re.compile(rf"[{_MARKS}]")
_BESIDE_SPACE = re.compile(rf"[{_MARKS}] | [{_MARKS}]")
_THOUSANDS = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_VERBS = {
    "n't": "are ca could did does do had has have is might must need ought sha should was were wo would ai",
    "'ve": "could i might must not should they we what where who would you",
    "'d": "he how it someone something there they where who you",
    "'ll": "how it somebody someone something they what who why you",
    "'s": "he how somebody someone that there what when where who why",
    "'re": "there they what why you",
    "'d've": "he i it she somebody someone something there they we who you",
    "n't've": "could had might should would",
    "'m": "i",
}
CONTRACTIONS = {
    (subject + ending).replace("'", ""): subject + ending
    for ending, subjects in _VERBS.items() for subject in subjects.split()
} | {"maam": "ma'am", "oclock": "o'clock", "yall": "y'all", "twas": "'twas"}  # fmt: skip
"""Contractions by how they are written without their apostrophes, but for those that are then another word (well)."""


def normalised(text: str) -> str:
    """An answer as it is compared: lower case, digits for words up to ten, no articles, little punctuation."""
    words = (NUMBERS.get(word, word) for word in _plain(" ".join(text.split())).lower().split())
    return " ".join(_restored(word) for word in words if word not in ARTICLES)


def _plain(text: str) -> str:
    """Without punctuation: a mark is removed where one such mark is next to a space, else it becomes a space.

    Both are decided mark by mark for the whole text, and a comma within a number makes every mark go.
    """
    every = _THOUSANDS.search(text) is not None
    loose = set("".join(_BESIDE_SPACE.findall(_overlapping(text))))
    return _PERIOD.sub("", _MARK.sub(lambda match: "" if every or match[0] in loose else " ", text))


def _overlapping(text: str) -> str:
    """Every space doubled, so that a mark before it and a mark after it both match with a space."""
    return text.replace(" ", "  ")


def _restored(word: str) -> str:
    """A contraction with its apostrophes, however many of them were left out."""
    return CONTRACTIONS.get(word.replace("'", ""), word) if "'" in word[1:-1] else CONTRACTIONS.get(word, word)


def accuracy(answer: str, people: Sequence[str]) -> float:
    """VQA's accuracy, in [0, 1]: min(matches / 3, 1) among all people but one, averaged over who is left out.

    With the usual ten, 0.3 for one that gave the answer, 0.6 for two, 0.9 for three, 1 for more.
    """
    own_answer = normalised(answer)
    same = [normalised(other) == own_answer for other in people]
    matches = sum(same)
    return sum(min(1.0, (matches - own) / ENOUGH) for own in same) / len(same) if same else 0.0
