"""Builds Markdown; every text is escaped unless this module produced it."""

import re
from collections.abc import Iterable, Sequence


class Safe(str):
    """Markdown that this package made; all other text may come from a corpus, a model or params.yaml."""

    __slots__ = ()


def escaped(value: object) -> Safe:
    """`value` on one line, without any effect as Markdown or HTML; "-" for nothing, numbers with separators."""
    if isinstance(value, Safe):
        return value
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return Safe(re.sub(r"([\\`*_{}\[\]<>#|~&!$^])", r"\\\1", text) or "-")


def code(value: object) -> Safe:
    """`value` as inline code, which no Markdown, HTML or line break in it ends; "-" for nothing."""
    clean = " ".join(str(value).replace("`", "'").split())
    return Safe(f"`{clean}`") if clean else Safe("-")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; its cells are escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows])


def _cell(value: object) -> str:
    # A bar ends a cell also within code, unless a backslash is before it, and no more than one.
    return re.sub(r"\\*\|", r"\\|", escaped(value))
