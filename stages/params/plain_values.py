"""Values of params.yaml that no request, path or lock file can hold: odd characters, dates, numbers that are none."""

import math
from collections.abc import Iterator
from typing import Any

from stages.params.mistakes import Mistake

LARGEST_INTEGER = 2**63
"""Integers from here on are no number in JSON that servers read, nor in the requests that are stored."""


def unwritable(values: Any, where: str = "") -> Iterator[Mistake]:
    """Characters that can't be in a path or a file, as NUL or half of a surrogate pair."""
    if isinstance(values, str):
        if "\0" in values:
            yield Mistake(where, "holds a NUL character; remove it")
        elif not values.isascii() and any("\ud800" <= character <= "\udfff" for character in values):
            yield Mistake(where, "holds half of a surrogate pair; remove it")
        return
    for below, key, value in _items(values, where):
        yield from unwritable(key, f"the key {below}")
        yield from unwritable(value, below)


def foreign(values: Any, where: str = "") -> Iterator[Mistake]:
    """Values that JSON has no form for. YAML reads an unquoted 2024-01-31 as a date; DVC fails on one."""
    if isinstance(values, float) and not math.isfinite(values):
        yield Mistake(where, f"must be a finite number (given: {values})")
    elif isinstance(values, int) and not -LARGEST_INTEGER <= values < LARGEST_INTEGER:
        yield Mistake(where, "is a whole number of more than 64 bits; write a smaller one, or a text in quotes")
    elif values is not None and not isinstance(values, str | int | float | dict | list):
        kind = type(values).__name__
        yield Mistake(where, f"YAML reads this as a value of type {kind}; put it in quotes, or write a list or a table")
    for below, _, value in _items(values, where):
        yield from foreign(value, below)


def _items(values: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """(place, key, value) of all that a table or a list holds."""
    if isinstance(values, dict | list):
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            yield f"{where}.{key}" if where else str(key), key, value
