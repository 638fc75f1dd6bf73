"""The values that tasks take and give, and how each is written and read as one line of text."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Literal, NamedTuple

import msgspec

ValueType = Literal[
    "text", "word", "words", "numbers", "number", "date", "dates", "table", "object", "code", "decision"
]  # fmt: skip
"""text: one line of running text. word: one word. words, numbers, dates: lists. number: an integer. date: a day.
table: a header and rows. object: a flat JSON object. code: a few lines of Python. decision: yes or no."""

Value = Any
"""text, word, code: str. words: tuple of str. numbers: tuple of int. number: int. date: `datetime.date`. dates: tuple
of them. table: tuple of rows, each a tuple of str and int, the first being the header. object: dict. decision: bool."""

_INTEGER = re.compile(r"[-+\u2212]?\d+")
_SEPARATOR = re.compile(r"\s*[,;]\s*")
_QUOTES = "\"'`*\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"
_CLOSING = ".!,;: "


class _Notation(NamedTuple):
    """How values of one type are written, and read back."""

    write: Callable[[Value], str]
    read: Callable[[str], Value]
    """Raises ValueError for text that is no such value."""


def render(type: ValueType, value: Value) -> str:
    """The value as text: one line, except for tables and code."""
    return _NOTATIONS[type].write(value)


def parse(type: ValueType, text: str) -> Value | None:
    """The value that the text states exactly as `render` writes it, or None."""
    try:
        value = _NOTATIONS[type].read(text)
    except ValueError:
        return None
    return value if render(type, value) == text else None


def parse_lenient(type: ValueType, text: str) -> Value | None:
    """The value that the text states in any common form, or None.

    Quotes, brackets of a list, bullets and a full stop at the end are ignored; lists may be separated by commas or
    semicolons, with or without a last "and"; numbers may have a Unicode minus; decisions may be in any case.
    """
    try:
        return _NOTATIONS[type].read(_bare(type, text))
    except ValueError:
        return None


def _bare(type: ValueType, text: str) -> str:
    text = " ".join(text.split())
    if type in ("object", "code", "table"):
        return text
    if type == "text":  # asterisks at an end may be what was asked for
        return text.strip(_QUOTES.replace("*", ""))
    text = text.strip(_QUOTES).rstrip(_CLOSING)
    if type in ("words", "numbers", "dates"):
        text = re.sub(r",?\s+(?:and|und|y)\s+", ", ", text.strip("[](){}"))
        return ", ".join(part.strip(_QUOTES + " ") for part in _SEPARATOR.split(text))
    return text.strip(_QUOTES).casefold() if type == "decision" else text.strip(_QUOTES)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text.replace("\u2212", "-"))


def _word(text: str) -> str:
    if not text or any(char.isspace() for char in text):
        raise ValueError(text)
    return text


def _line(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError(text)
    return text


def _decision(text: str) -> bool:
    return {"yes": True, "no": False}[text] if text in ("yes", "no") else _fail(text)


def _fail(text: str) -> Any:
    raise ValueError(text)


def _list(read: Callable[[str], Value]) -> Callable[[str], Value]:
    def read_list(text: str) -> Value:
        return tuple(read(part) for part in _SEPARATOR.split(text))

    return read_list


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(text) from error


def _table(text: str) -> Value:
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in text.split("\n")]
    return tuple(tuple(int(cell) if _INTEGER.fullmatch(cell) else cell for cell in row) for row in rows)


def _joined(write: Callable[[Value], str]) -> Callable[[Value], str]:
    return lambda value: ", ".join(map(write, value))


_NOTATIONS: dict[ValueType, _Notation] = {
    "text": _Notation(str, _line),
    "word": _Notation(str, _word),
    "words": _Notation(_joined(str), _list(_word)),
    "numbers": _Notation(_joined(str), _list(_integer)),
    "number": _Notation(str, _integer),
    "date": _Notation(date.isoformat, date.fromisoformat),
    "dates": _Notation(_joined(date.isoformat), _list(date.fromisoformat)),
    "table": _Notation(lambda rows: "\n".join(" | ".join(map(str, row)) for row in rows), _table),
    "object": _Notation(lambda value: msgspec.json.encode(value).decode(), _object),
    "code": _Notation(str, _word),
    "decision": _Notation(lambda value: "yes" if value else "no", _decision),
}
