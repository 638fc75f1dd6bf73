"""Filters for new instructions; each rejection has a reason from a closed list."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from stages.seqinstruct.parse_instruction import explains

REASONS = {
    "empty": "nothing was written",
    "same": "the old instruction again",
    "no-task": "fewer than two words that the old instruction does not have",
    "repeats": "a sentence more than once, a stutter, or the old instruction twice",
    "copies-example": "a sentence of the prompt file, not of the row",
    "too-long": "over the limit of words or of growth",
    "lost-table": "a row of a table is missing",
    "lost-code": "a line of code is missing",
    "lost-options": "an option of a choice is missing",
    "leaks-explanation": "speaks about the rewriting instead of the task",
    "not-allowed": "an action that this round does not allow",
}
"""Why a parsed result is rejected: a closed list."""

SHORT = 60
"""Words up to which a new instruction is not too long, however short the old one was."""
ECHO = 0.75
"""Share of the shorter one's words that two tasks may have in common before one is an echo of the other."""
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’][^\W{_CJK}]+)?")


@dataclass(frozen=True)
class Limits:
    """Limits on the length of a new instruction."""

    max_words: int
    max_growth: float
    """In multiples of the old instruction, from `SHORT` words on."""


def check(new: str, old: str, limits: Limits) -> str:
    """Why `new` may not take the place of `old`: a key of `REASONS`, or "" if it may."""
    return next((reason for reason, fails in _gates(limits) if fails(new, old)), "")


@lru_cache(64)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, in small letters; a Chinese or Japanese character is a word."""
    # Every filter needs those of the same two texts.
    return tuple(_words(text))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("’", "'"))


def _gates(limits: Limits) -> list[tuple[str, Callable[[str, str], bool]]]:
    return [
        ("empty", lambda new, old: not words(new)),
        ("same", lambda new, old: words(new) == words(old)),
        ("leaks-explanation", _leaks),
        ("lost-table", lambda new, old: _lost(_table_cells(old), new)),
        ("lost-code", lambda new, old: _lost(_code_lines(old), new)),
        ("lost-options", lambda new, old: _lost(_options(old), new)),
        ("no-task", lambda new, old: (Counter(words(new)) - Counter(words(old))).total() < 2),
        ("repeats", _repeats),
        ("too-long", lambda new, old: len(words(new)) > _most(old, limits)),
    ]


def _most(old: str, limits: Limits) -> float:
    return min(limits.max_words, max(SHORT, limits.max_growth * len(words(old))))


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())


def _lost(parts: Iterator[str], new: str) -> bool:
    required = [_flat(part).strip(" .;,") for part in parts]
    kept = _flat(new) if required else ""
    return any(part not in kept for part in required)


# ---------------------------------------------------------------- tables and code
_ROW = re.compile(r"^[^|\n]*\|[^|\n]+\|.*$|^[^\t\n]+\t[^\n]*$")
_RULE = re.compile(r"^[\s|:+=-]+$")
_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)
_CODE = re.compile(
    r"^\s*(?:(?:def|class|import|from|elif|while|public|private|static|void|int|const|let|var|function|return|print|using"
    r"|#include)\b.*[:;({)]"
    r"|(?:for|if|else|while|switch)\b.*[:{]\s*$|.*[;{}]\s*$(?<=\S)|\w+(?:\.\w+|\[\S+\])*\s*(?:[-+*/]?=|\+\+)\s*\S+.*$|</?\w+[^>]*>.*"
    r"|(?:return|import)\s+\S.*|SELECT\b.*\bFROM\b.*)",
)


def _table_cells(text: str) -> Iterator[str]:
    """The cells of every table: two or more neighbouring rows with bars or tabs."""
    lines = text.splitlines()
    rows = [bool(_ROW.match(line)) for line in lines]
    beside = [a or b for a, b in zip([False, *rows[:-1]], [*rows[1:], False], strict=True)] if rows else []
    for line, row, near in zip(lines, rows, beside, strict=True):
        if row and near and not _RULE.match(line):
            yield from (cell for cell in re.split(r"[|\t]", line) if cell.strip())


def _code_lines(text: str) -> Iterator[str]:
    """The lines of fenced blocks, and neighbouring lines that read as code outside of them."""
    for block in _FENCE.findall(text):
        yield from (line for line in block.splitlines() if line.strip())
    lines = [line for line in _FENCE.sub("", text).splitlines() if line.strip()]
    for before, after in pairwise(lines):
        if _CODE.match(before) and _CODE.match(after):
            yield from (before, after)


# ---------------------------------------------------------------- options
_LABEL = re.compile(
    r"(?:(?<=[\s:;,])|^)(?:\(([A-Ha-h]|[ivx]{1,4}|\d)\)|([A-Ha-h]|[ivx]{1,4}|\d)[.):])(?=\s)", re.MULTILINE
)
_ORDERS = ["ABCDEFGH", "abcdefgh", "12345678", ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"]]
_BULLETS = re.compile(
    r"(?im)^[^\n]*\b(?:options|choices|choose from|select from|pick from)\b[^\n]*:?[ \t]*\n+"
    r"((?:[ \t]*(?:[-*•+]+)[ \t]*\S[^\n]*\n*)+)"
)


def _options(text: str) -> Iterator[str]:
    """The texts of enumerated options (A. … B. …; (i) … (ii) …), and of bullets under the heading options."""
    labels = [(match[1] or match[2], match) for match in _LABEL.finditer(text)]
    for order in _ORDERS:
        run = [match for label, match in labels if label in order]
        named = [match[1] or match[2] for match in run]
        if len(named) > 1 and named == list(order[: len(named)]):
            ends = [*(match.start() for match in run[1:]), len(text)]
            yield from (text[m.end() : end].strip().split("\n")[0] for m, end in zip(run, ends, strict=True))
    for block in _BULLETS.findall(text):
        yield from (line.strip(" \t-*•+") for line in block.splitlines() if line.strip())


# ---------------------------------------------------------------- explanations and repetition
_LEAKS = re.compile(
    r"#\s*(?:new|original|rewritten|created)\s+(?:instruction|prompt)|#\s*given\s+prompt|\boption\s+is\s*:|\(option\s+[A-D]\)"
    r"|\b(?:original|initial|given|new|modified)\s+instruction\b|\b(?:prefix|suffix)\s+(?:task|instruction)\b"
    r"|\b(?:we|you)\s+can\s+(?:break|split|decompose)\b|\bbroken\s+down\s+into\s+two\b|\blet'?s\s+think\s+step\s+by\s+step\b"
    r"|\bsequential\s+instructions?\b|\bmodified\s+version\b",
    re.IGNORECASE,
)


_STUTTER = re.compile(r"\b(\w+(?: \w+){0,3})(?: \1){2}\b")


def _leaks(new: str, old: str) -> bool:
    old_text = old.casefold()
    return explains(new) or any(match[0].casefold() not in old_text for match in _LEAKS.finditer(new.replace("’", "'")))


def _repeats(new: str, old: str) -> bool:
    """Whether a few words come three times running, or a sentence of four or more words is repeated."""
    before = Counter(_sentences(old))
    if _STUTTER.search(" ".join(words(new))) and not _STUTTER.search(" ".join(words(old))):
        return True
    return any(count > max(1, before[key]) for key, count in Counter(_sentences(new)).items())


def copies(new: str, old: str, prompt: str) -> bool:
    """Whether a sentence of five words or more comes from the prompt file instead of the row."""
    shown = _shown(prompt)
    return any(key in shown and len(key.split()) > 4 for key in set(_sentences(new)) - set(_sentences(old)))


@lru_cache(64)
def _shown(prompt: str) -> frozenset[str]:
    # The same few prompt files for every row of a corpus.
    return frozenset(_sentences(prompt))


def echoes(task: str, old: str) -> bool:
    """Whether an added task repeats one of the instruction, in nearly the same words."""
    sentences = [set(key.split()) for key in _sentences(old) or [" ".join(words(old))]]
    new = set(words(task))
    return any(len(new & one) >= ECHO * min(len(new), len(one)) for one in sentences if one)


_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+|\bthen,?\s", re.IGNORECASE)


@lru_cache(64)
def _sentences(text: str) -> tuple[str, ...]:
    # Of the same few texts for several filters, and of a prompt file's examples for every row.
    parts = (_words(part) for part in _SENTENCE_END.split(text))
    return tuple(" ".join(part) for part in parts if len(part) >= 4)
