"""Which words of a rewritten instruction its round added."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

Span = tuple[int, int]
"""Start and end of a part of a text, in characters."""
CONNECTIVE = re.compile(r"(?:first|firstly|next|then|finally|after that|now)\b[,:]?\s+", re.IGNORECASE)
"""What joins a task to the one before it: a round that puts a task in front replaces it."""
WORD = re.compile(r"\w+|[^\w\s]")
LONGEST_DIFF = 2000
"""Words of either text that are compared word by word: beyond it the comparison takes seconds a row."""


def added_spans(before: str, after: str) -> list[Span]:
    """The parts of `after` that `before` does not have, in order; none for equal texts, all of it for another text.

    A text that begins or ends with the one before, but for its first connective and the case of its first letter, has
    one such part. Others are compared word by word, without regard to case.
    """
    old, new = before.strip(), after.rstrip()
    return [(start, end) for start, end in _parts(old, new) if new[start:end].strip()]


def _parts(old: str, new: str) -> list[Span]:
    kept = CONNECTIVE.sub("", old, count=1) if CONNECTIVE.match(old) else old
    first = len(new) - len(kept)
    if not old:
        return [(0, len(new))]
    if new.startswith(old) and not new[len(old) : len(old) + 1].isalnum():
        return [(len(old), len(new))]
    if kept and new[first:].lower() == kept.lower() and first >= 0 and not new[:first][-1:].isalnum():
        return [(0, first)]
    return [*_different_words(old, new)]


def _different_words(old: str, new: str) -> Iterator[Span]:
    words = [*WORD.finditer(new)]
    given = [word[0].lower() for word in WORD.finditer(old)]
    if max(len(words), len(given)) > LONGEST_DIFF:
        yield (0, len(new))
        return
    matcher = SequenceMatcher(None, given, [word[0].lower() for word in words], autojunk=False)
    for kind, _, _, first, last in matcher.get_opcodes():
        if kind in ("insert", "replace"):
            yield words[first].start(), words[last - 1].end()
