"""Builds HTML and SVG; every text is escaped unless this module produced it."""

import html
from collections.abc import Iterable, Sequence

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# Lone surrogates can't be written as UTF-8; bidirectional overrides would reorder the page around the text.
UNFIT = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff")


class Safe(str):
    """Markup that this module made; all other text is escaped, as it may come from a corpus or a model."""

    __slots__ = ()


def escaped(value: object) -> Safe:
    """`value` as it may stand in HTML and SVG, in text and in attributes; control characters become U+FFFD."""
    if isinstance(value, Safe):
        return value
    return Safe(html.escape("".join("\ufffd" if _unprintable(c) else c for c in str(value))))


def _unprintable(character: str) -> bool:
    control = (character < " " and character not in "\n\t") or "\x7f" <= character <= "\x9f"
    return control or "\ud800" <= character <= "\udfff" or character in UNFIT


def element(tag: str, *children: object, **attributes: object) -> Safe:
    """`<tag a="b">children</tag>`. In attribute names "_" stands for "-", and a "_" at the end is dropped."""
    written = "".join(f' {_name(k)}="{escaped(_value(v))}"' for k, v in attributes.items() if v is not None)
    content = "".join(escaped(child) for child in children)
    return Safe(f"<{tag}{written}>{content}</{tag}>")


def join(parts: Iterable[object], separator: str = "") -> Safe:
    """Parts one after the other, each escaped."""
    return Safe(separator.join(escaped(part) for part in parts))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], caption: object = "", first: int = 1) -> Safe:
    """A table; the first `first` columns name the row, all others are numbers. Missing values (None) show as a dash."""
    titles = element("tr", *(element("th", cell, class_=_side(i, first)) for i, cell in enumerate(head)))
    cells = ([element("td", _cell(cell), class_=_side(i, first)) for i, cell in enumerate(row)] for row in rows)
    body = join(element("tr", *row) for row in cells)
    parts = [element("caption", caption)] if caption else []
    inner = element("table", *parts, element("thead", titles), element("tbody", body))
    return element("div", inner, class_="scroll")


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """A number for people; a dash for None, no negative zero."""
    if value is None:
        return DASH
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("+-")


def p_value(p: float) -> str:
    """A p-value with three digits; never 0."""
    return "<0.001" if p < 0.001 else number(p, 3)


def _side(column: int, first: int) -> str:
    return "name" if column < first else "num"


def _cell(value: object) -> object:
    return DASH if value is None else f"{value:,}" if isinstance(value, int) else value


def _name(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")


def _value(value: object) -> object:
    # Coordinates with two digits: the same bytes on every machine, and small files.
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
