"""What a constraint on a response is: a name, typed arguments, and a pure function that checks any text.

A constraint holds for the whole response. Two constraints of one family are never combined, nor are families that
exclude each other, so every combination that is drawn can be satisfied.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Family = Literal[
    "case", "script", "words", "sentences", "layout", "json", "start", "end", "quote", "include", "exclude", "letter",
    "comma",
]  # fmt: skip
"""The aspect of a response that a constraint is about."""


class ConstraintType(NamedTuple):
    """A type of constraint."""

    name: str
    """"<aspect>.<what must be>", such as "words.at_most"."""
    family: Family
    parameters: Mapping[str, type]
    """Argument -> int (at least 1), str (not empty) or list (of str, not empty)."""
    holds: Callable[..., bool]
    """(text, **arguments) -> whether the text satisfies it; the text is not blank."""


CONSTRAINT_TYPES: dict[str, ConstraintType] = {}
"""Every type by its name; filled when `stages.verified.text_constraints` is imported."""
EXCLUDES: dict[Family, frozenset[Family]] = {
    "json": frozenset(
        ["case", "script", "words", "sentences", "layout", "start", "end", "quote", "letter", "comma"]
    ),
    "script": frozenset(["case", "words", "sentences", "start", "end", "include", "exclude", "letter", "comma"]),
    "case": frozenset(["start", "end"]),
    "sentences": frozenset(["start", "end"]),
    "quote": frozenset(["start", "end", "layout"]),
    "layout": frozenset(["sentences", "start", "end"]),
}  # fmt: skip
"""Families that no response satisfies together, or not in one reading; each pair stands here once."""


def constraint(name: str, family: Family, **parameters: type) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
    """Register the decorated function as the check of a type of constraint. Raises ValueError for a name in use."""

    def register(holds: Callable[..., bool]) -> Callable[..., bool]:
        if name in CONSTRAINT_TYPES:
            raise ValueError(f"two types of constraint are named {name}")
        CONSTRAINT_TYPES[name] = ConstraintType(name, family, parameters, holds)
        return holds

    return register


def exclude_each_other(
    first: str, first_arguments: Mapping[str, Any], second: str, second_arguments: Mapping[str, Any]
) -> bool:
    """Whether two constraints, each a name and its arguments, are not to be combined."""
    one, other = CONSTRAINT_TYPES[first], CONSTRAINT_TYPES[second]
    families = one.family, other.family
    if one.family == other.family or any(b in EXCLUDES.get(a, ()) for a, b in (families, families[::-1])):
        return True
    return _forbids(one, first_arguments, second_arguments) or _forbids(other, second_arguments, first_arguments)


def _forbids(one: ConstraintType, arguments: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether what `one` keeps out of the response is in a text that another constraint puts into it."""
    if one.family not in ("letter", "exclude", "comma"):
        return False
    kept_out = next((str(value).lower() for value in arguments.values()), ",")
    return any(kept_out in value.lower() for value in others.values() if isinstance(value, str))
