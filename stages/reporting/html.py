"""Builds HTML and SVG; every text is escaped unless this module produced it."""

import html
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Controls but line ends and tabs; bidirectional overrides, which would reorder the page around the text; lone
surrogates, which can't be written as UTF-8."""
LONG_WORD = re.compile(r"\S{25}")
IN_SCRIPT = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""Characters that could end a script element or a line of it -> their escapes in JSON."""


class Safe(str):
    """Markup that this module made; all other text is escaped, as it may come from a corpus or a model."""

    __slots__ = ()


def printable_text(value: object) -> str:
    """`value` as text with U+FFFD for each character that has no place on a page, see `UNFIT`."""
    return UNFIT.sub("\ufffd", str(value))


def escaped(value: object) -> Safe:
    """`value` as it may stand in HTML and SVG, in text and in attributes; control characters become U+FFFD."""
    return value if isinstance(value, Safe) else Safe(html.escape(printable_text(value)))


def json_text(value: Any) -> str:
    """`value` as JSON that may stand inside a script element: no text in it can end the element or open another."""
    return printable_text(json.dumps(_printable(value), ensure_ascii=False, separators=(",", ":"))).translate(IN_SCRIPT)


def _printable(value: Any) -> Any:
    """`value` with printable texts only; json.dumps writes a control character as an escape, which reads as one."""
    if isinstance(value, str):
        return printable_text(value)
    if isinstance(value, dict):
        return {printable_text(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


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
    titles = element("tr", *(element("th", breakable(cell), class_=_side(i, first)) for i, cell in enumerate(head)))
    cells = ([element("td", _cell(cell), class_=_side(i, first)) for i, cell in enumerate(row)] for row in rows)
    body = join(element("tr", *row) for row in cells)
    parts = [element("caption", caption)] if caption else []
    inner = element("table", *parts, element("thead", titles), element("tbody", body))
    return scrolling(inner)


def scrolling(inner: Safe, *classes: str) -> Safe:
    """What may be wider than the page, in a box that scrolls and says so: shadows at its ends, and a line of text.

    The style sheet shows the line only while there is something to scroll (theme.SCROLLS).
    """
    sign = element("p", "Wider than this page: scroll sideways →", class_="sign")
    return element("div", sign, inner, class_=" ".join(["scroll", *classes]))


def breakable(value: object) -> object:
    """A text with a long word in a box that breaks it, so that no name makes a table wider than the page."""
    if isinstance(value, Safe) or not LONG_WORD.search(str(value)):
        return value
    return element("span", value, class_="long", title=value)


def folded(parts: Sequence[Safe], note: object = "") -> list[Safe]:
    """A section that is closed until somebody opens it: the heading stays, `note` beside it; [] for none."""
    if not parts:
        return []
    beside = [element("span", note, class_="under")] if note else []
    return [element("details", element("summary", parts[0], *beside), *parts[1:], class_="fold")]


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
    return DASH if value is None else f"{value:,}" if isinstance(value, int) else breakable(value)


def _name(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")


def _value(value: object) -> object:
    # Coordinates with two digits: the same bytes on every machine, and small files.
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
