"""Grammars that limit a reply of llama.cpp's server to some choices, or to what matches a regular expression.

The notation is GBNF (https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md). A regular expression is
read by Python's own parser, so it means what it means to `re.fullmatch`, by which the stages check replies.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

Ranges = tuple[tuple[int, int], ...]
"""Characters as ranges of code points: sorted, apart from each other, both ends included."""
LONGEST_REPETITION = 1999
"""The server refuses a grammar that repeats something 2000 times, and takes a larger bound for none."""
EVERY: Ranges = ((0, 0x10FFFF),)
SURROGATES: Ranges = ((0xD800, 0xDFFF),)
"""No characters: they are in no text of UTF-8."""
NO_TEXT = "a character that no text has (NUL, half of a surrogate pair)"
PLAIN_FLAGS = re.UNICODE | re.ASCII | re.DOTALL | re.VERBOSE
"""Flags of a whole expression that can be expressed."""
CATEGORIES: dict[Any, str] = {
    _constants.CATEGORY_DIGIT: r"\d+", _constants.CATEGORY_NOT_DIGIT: r"\D+",
    _constants.CATEGORY_SPACE: r"\s+", _constants.CATEGORY_NOT_SPACE: r"\S+",
    _constants.CATEGORY_WORD: r"\w+", _constants.CATEGORY_NOT_WORD: r"\W+",
}  # fmt: skip
STARTS, ENDS = {_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING}, {_constants.AT_END, _constants.AT_END_STRING}
TERMINALS = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN}
"""Items that match one character."""
REASONS: dict[Any, str] = {
    _constants.ASSERT: "a condition on what follows or precedes ((?=…), (?<=…))",
    _constants.ASSERT_NOT: "a condition on what follows or precedes ((?!…), (?<!…))",
    _constants.GROUPREF: r"a reference to a group (\1)",
    _constants.GROUPREF_EXISTS: "a condition on a group ((?(1)…))",
    _constants.ATOMIC_GROUP: "an atomic group ((?>…))",
    _constants.POSSESSIVE_REPEAT: "a possessive repetition (a++)",
    _constants.AT: r"an anchor in the middle (^, $, \b)",
}


class Grammar(NamedTuple):
    """A grammar, or why there is none."""

    text: str
    missing: str = ""
    """What the choices or the regular expression have and a grammar can't express; "" where there is a grammar."""


class InexpressibleError(Exception):
    """No grammar expresses it; the text says what."""


def choice_grammar(choices: Iterable[str]) -> Grammar:
    """The grammar of replies that are exactly one of the choices."""
    try:
        return Grammar("root ::= " + " | ".join(map(_literal, choices)))
    except InexpressibleError as error:
        return Grammar("", str(error))


@lru_cache(256)
def regex_grammar(regex: str) -> Grammar:
    """The grammar of the texts that the whole of `regex` matches, if it can be expressed."""
    try:
        parsed = _parser.parse(regex)
        if parsed.state.flags & ~PLAIN_FLAGS:
            raise InexpressibleError("flags that ignore case or read line by line ((?i), (?m))")
        return Grammar(_Writer(parsed.state.flags).grammar(parsed))
    except InexpressibleError as error:
        return Grammar("", str(error))
    except (re.error, OverflowError, RecursionError) as error:
        return Grammar("", f"a fault or too many nested groups ({error})")


class _Writer:
    """Writes one grammar: the root, and a rule for whatever is repeated."""

    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._rules: dict[str, str] = {}
        """Body -> name."""
        self._writers: dict[Any, Callable[[Any, bool, bool], str]] = {
            _constants.BRANCH: self._branch, _constants.SUBPATTERN: self._group,
            _constants.MAX_REPEAT: self._repetition, _constants.MIN_REPEAT: self._repetition,
        }  # fmt: skip

    def grammar(self, parsed: Sequence[Any]) -> str:
        """The grammar, one rule a line."""
        root = self._sequence(parsed, True, True)
        return "\n".join([f"root ::= {root}", *(f"{name} ::= {body}" for body, name in self._rules.items())])

    def _sequence(self, items: Iterable[Any], first: bool, last: bool) -> str:
        """Items one after another. first, last: whether nothing of the reply can be before them, or after."""
        rest = list(items)
        # There they mean nothing, since the whole reply must match.
        while first and rest and rest[0][0] is _constants.AT and rest[0][1] in STARTS:
            del rest[0]
        while last and rest and rest[-1][0] is _constants.AT and rest[-1][1] in ENDS:
            del rest[-1]
        parts, letters = [], ""
        for place, (kind, value) in enumerate(rest):
            if kind is _constants.LITERAL:
                letters += chr(value)
                continue
            parts += [_literal(letters)] if letters else []
            letters = ""
            parts.append(self._item(kind, value, first and place == 0, last and place == len(rest) - 1))
        return " ".join([*parts, _literal(letters)] if letters or not parts else parts)

    def _item(self, kind: Any, value: Any, first: bool, last: bool) -> str:
        if kind in TERMINALS:
            return _class(self._characters(kind, value))
        if kind not in self._writers:
            raise InexpressibleError(REASONS.get(kind, str(kind).lower()))
        return self._writers[kind](value, first, last)

    def _branch(self, value: Any, first: bool, last: bool) -> str:
        return f"({' | '.join(self._sequence(branch, first, last) for branch in value[1])})"

    def _group(self, value: Any, first: bool, last: bool) -> str:
        _, added, removed, items = value
        if added or removed:
            raise InexpressibleError("flags for a part of it ((?i:…))")
        inner = self._sequence(items, first, last)
        return inner if len(items) == 1 else f"({inner})"

    def _repetition(self, value: Any, first: bool, last: bool) -> str:
        least, most, items = value
        bounded = most is not _constants.MAXREPEAT
        if (most if bounded else least) > LONGEST_REPETITION:
            raise InexpressibleError(f"a repetition of more than {LONGEST_REPETITION} times")
        if most == 0:
            return _literal("")
        if most != 1 and items.getwidth()[0] == 0:
            raise InexpressibleError("a repetition of what may be empty, as in (a?)*")  # to the server, left recursion
        body = self._sequence(items, False, False)
        # By its name: the server multiplies the bounds of repetitions that are written inside each other.
        one = body if len(items) == 1 and items[0][0] in TERMINALS else self._name(body)
        return one + _bounds(least, most if bounded else None)

    def _name(self, body: str) -> str:
        return self._rules.setdefault(body, f"part-{len(self._rules) + 1}")

    def _characters(self, kind: Any, value: Any) -> Ranges:
        if kind is _constants.LITERAL:
            return ((value, value),)
        if kind is _constants.NOT_LITERAL:
            return _others(((value, value),))
        if kind is _constants.ANY:
            return EVERY if self._flags & re.DOTALL else _others(((10, 10),))
        members = [self._member(*one) for one in value if one[0] is not _constants.NEGATE]
        ranges = _united(one for member in members for one in member)
        return _others(ranges) if value[0][0] is _constants.NEGATE else ranges

    def _member(self, kind: Any, value: Any) -> Ranges:
        if kind is _constants.CATEGORY:
            return _category(CATEGORIES[value], bool(self._flags & re.ASCII))
        return (value,) if kind is _constants.RANGE else ((value, value),)


def _bounds(least: int, most: int | None) -> str:
    """How a repetition is written after what is repeated; most: None for any number."""
    signs = {(0, 1): "?", (0, None): "*", (1, None): "+", (1, 1): ""}
    if least == most and least > 1:
        return f"{{{least}}}"
    return signs.get((least, most), f"{{{least},{'' if most is None else most}}}")


@lru_cache(16)
def _category(pattern: str, ascii_only: bool) -> Ranges:
    """The characters of a class such as \\w, from the runs of them among all characters."""
    every = "".join(map(chr, range(0x110000)))
    runs = re.finditer(pattern, every, re.ASCII if ascii_only else 0)
    return tuple((match.start(), match.end() - 1) for match in runs)


def _united(ranges: Iterable[tuple[int, int]]) -> Ranges:
    united: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if united and start <= united[-1][1] + 1:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return tuple(united)


def _others(ranges: Ranges) -> Ranges:
    """All characters but these."""
    starts = [0, *(end + 1 for _, end in ranges)]
    ends = [*(start - 1 for start, _ in ranges), 0x10FFFF]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


def _class(ranges: Ranges) -> str:
    """A class of characters, as those that it has or those that it lacks, whichever is shorter.

    NUL ends a text for the server: it is in no class but one that lacks others.
    """
    shown = _written_ranges(_others(_united([*_others(ranges), *SURROGATES, (0, 0)])))
    if not shown:
        raise InexpressibleError(NO_TEXT)
    hidden = _written_ranges(_others(_united([*ranges, *SURROGATES]))) if ranges[0][0] == 0 else ""
    return f"[^{hidden}]" if hidden and len(hidden) < len(shown) else f"[{shown}]"


def _written_ranges(ranges: Ranges) -> str:
    return "".join(
        _escaped(start) if start == end else f"{_escaped(start)}-{_escaped(end)}" for start, end in ranges
    )  # fmt: skip


def _escaped(code: int) -> str:
    """A character in a class: a letter or digit, or by its number, so that none has a meaning."""
    letter = chr(code)
    if letter.isascii() and letter.isalnum():
        return letter
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _literal(text: str) -> str:
    """A text in quotes. Raises InexpressibleError where it has what no text of UTF-8 has, or NUL."""
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise InexpressibleError(NO_TEXT)
    named = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"}
    return f'"{"".join(named.get(one) or (one if " " <= one <= "~" else _escaped(ord(one))) for one in text)}"'
