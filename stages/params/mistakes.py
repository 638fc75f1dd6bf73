"""Mistakes in params.yaml as one message: each once, with its path and the name that was probably meant."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from stages.core.errors import joined
from stages.params import plain_messages
from stages.params.field_types import NAME_ERROR, Section
from stages.params.name_references import type_at

SHARED = "settings"
"""The key of the values that the entries of a section share."""
SHOWN = 8
"""Mistakes and names that a message lists; it counts the others."""


class Mistake(NamedTuple):
    """What is wrong at one place."""

    path: str
    message: str
    recurs: bool = True
    """The same message at another place is the same mistake: a wrong value, not a wrong key."""


def summary(mistakes: Iterable[Mistake]) -> str:
    """All mistakes on one line, the first `SHOWN` in full."""
    lines = list(_grouped(mistakes))
    total = [f"{len(lines)} mistakes: "] if len(lines) > 1 else []
    more = [f"; and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "".join([*total, joined(lines[:SHOWN]), *more])


def _grouped(mistakes: Iterable[Mistake]) -> Iterator[str]:
    """Each mistake once: its first place, its message and its other places."""
    places: dict[tuple[str, str], list[str]] = {}
    for mistake in mistakes:
        key = (mistake.message, "" if mistake.recurs else mistake.path)
        places.setdefault(key, []).append(mistake.path)
    for (message, _), (first, *others) in places.items():
        rest = f" and {len(others) - 3} more" if others[3:] else ""
        also = f" (also at {', '.join(others[:3])}{rest})" if others else ""
        yield f"{first}: {message}{also}" if first else f"{message}{also}"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that nothing has: `what`, the name, and the most similar ones or else those that exist."""
    names = sorted(known) if isinstance(known, set) else list(known)
    if near := get_close_matches(name, names, n=3):
        return f"{what} {name!r}; did you mean {' or '.join(map(repr, near))}?"
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what} {name!r}; known are {', '.join(names[:SHOWN]) or 'none'}{rest}"


def of_types(errors: Iterable[Any], root: type[Section], written: Any, completed: Any) -> Iterator[Mistake]:
    """What pydantic found, in our words. root: the type of the whole file. written: the values as the file has them;
    completed: with those that entries inherit.

    An error in an inherited value is left out: the place that it was inherited from has the same error. Where the
    shared settings of a section are missing, all that its entries lack is one mistake.
    """
    lacking: dict[str, list[str]] = {}
    for error in errors:
        place = [part for part in error["loc"] if part != "[key]"]
        if error["type"] == "missing" and _or_shared(root, place[:4]) and existing(written, [place[0], SHARED]) == 1:
            lacking.setdefault(f"{place[0]}.{SHARED}", []).append(".".join(map(str, place[:3])))
            continue
        if place[:1] == ["engines"] and existing(written, place[:3]) < 3 <= existing(completed, place[:3]):
            continue  # of a value from `costs` or the generator, which has the same error
        if error["type"] == "missing" or existing(written, place) == existing(completed, place):
            recurs = error["type"] not in ("extra_forbidden", "missing") and not isinstance(error["input"], dict | list)
            yield Mistake(".".join(map(str, place)), _message(error, root, place), recurs)
    for path, entries in lacking.items():
        yield Mistake(path, needed(list(dict.fromkeys(entries))))


def needed(entries: Sequence[str]) -> str:
    """The message for a section that these entries need and that is not there."""
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"needed by {entries[0]}{more}; add it"


def existing(values: Any, place: Sequence[Any]) -> int:
    """How many steps of a place there are in `values`."""
    for number, key in enumerate(place):
        if isinstance(values, dict):
            is_there = key in values
        else:
            is_there = isinstance(values, list) and isinstance(key, int) and key < len(values)
        if not is_there:
            return number
        values = values[key]
    return len(place)


def _message(error: Any, root: type[Section], place: Sequence[Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; {_similar_key(root, place)}"
    if error["type"] == "missing":
        return f"{plain_messages.message(error)}{_or_shared(root, place)}"
    is_shown = error["type"] != NAME_ERROR and not isinstance(error["input"], dict | list)
    given = f" (given: {error['input']!r:.100})" if is_shown and error["input"] is not None else ""
    if error["type"] in ("dict_type", "model_type") and error["input"] is None:
        return f"{plain_messages.message(error)}; for an empty one write {{}} or leave the key out"
    nothing = "; it has no value" if error["input"] is None else ""
    return f"{plain_messages.message(error)}{nothing}{given}{_similar_value(error)}"


def _similar_key(root: type[Section], place: Sequence[Any]) -> str:
    kind = type_at(root, place[:-1])
    keys = [field.alias or name for name, field in kind.model_fields.items()] if _is_section(kind) else []
    near = get_close_matches(str(place[-1]), keys, n=1)
    return f"did you mean {near[0]!r}?" if near else "remove it or check its spelling"


def _similar_value(error: Any) -> str:
    if error["type"] != "literal_error" or not isinstance(error["input"], str):
        return ""
    near = get_close_matches(error["input"][:100], re.findall(r"'([^']*)'", error["ctx"]["expected"]), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _or_shared(root: type[Section], place: Sequence[Any]) -> str:
    """Where else a missing value may stand."""
    if len(place) == 3 and place[0] == "engines" and place[1] != "generator" and place[2] in ("engine", "options"):
        return " here or under engines.generator"
    shared: Any = type_at(root, [place[0], SHARED]) if len(place) == 4 else None
    return f" here or under {place[0]}.{SHARED}" if _is_section(shared) and place[3] in shared.model_fields else ""


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)
