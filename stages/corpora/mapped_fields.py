"""Any rows of the user's own, with the field mapping of params.yaml: {instruction: prompt, response: answer.text}.

The left side is one of instruction (required), input, response, system, history, image and checks (what a response must
satisfy: a list of {name, arguments}, or the checks of a verified sequence); the right side is a field of the rows,
"a.b" for field b of the object in field a, "a.0.b" for that of the first object in a list, or "0", "1", … for the
columns of a .tsv file. null, and a field that only other rows have, read as "".
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

import msgspec

from stages.core.errors import UserError
from stages.core.records import ResponseCheck
from stages.corpora import chat
from stages.corpora.row_types import MISSING, Content, MissingFieldError, Read, Refusal, input_of, lookup, text_of
from stages.readers.formats import Raw
from stages.verified.response_checks import TASKS, invalid

FIELDS = ("instruction", "input", "response", "system", "history", "image", "checks")
NO_TEXT = ("history", "checks")
"""Fields that are read as lists."""


def contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    """Each row by the mapping.

    Raises UserError for a mapping without instruction or with an unknown left side, and at the end for a field that no
    row has.
    """
    if "instruction" not in fields or set(fields) - set(FIELDS):
        raise UserError(
            f"params.yaml: `fields` of adapter own maps {', '.join(fields) or 'nothing'}; "
            f"it must map instruction, and may map {', '.join(FIELDS[1:])}"
        )
    return _contents(rows, fields)


def _contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
    absent, last = set(fields.values()), None
    for raw in rows:
        absent = {field for field in absent if lookup(raw.row, field) is MISSING}
        last = raw
        yield raw, _content(raw, fields)
    if last and absent:
        _refuse(last, sorted(absent)[0], fields)


def _content(raw: Raw, fields: Mapping[str, str]) -> Content | Refusal:
    if lookup(raw.row, fields["instruction"]) is MISSING:
        _refuse(raw, fields["instruction"], fields)
    instruction = _text(raw, fields["instruction"], lookup(raw.row, fields["instruction"]))
    texts = {name: _text(raw, fields[name], lookup(raw.row, fields[name])) for name in fields if name not in NO_TEXT}
    history = _history(raw, fields["history"]) if "history" in fields else ()
    if isinstance(history, Refusal):
        return history
    checks = _checks(raw, fields["checks"]) if "checks" in fields else ()
    input, repairs = input_of(texts.get("input", ""))
    if any(isinstance(lookup(raw.row, fields[name]), list) for name in texts):
        repairs = (*repairs, "list")
    return Content(
        instruction, input, texts.get("response", ""), texts.get("system", ""), history,
        image=texts.get("image", ""), repairs=repairs, checks=checks,
    )  # fmt: skip


def _refuse(raw: Raw, field: str, fields: Mapping[str, str]) -> NoReturn:
    """Raise MissingFieldError for a field that a row has not, with the key of `fields` that wants it."""
    ours = next(name for name, theirs in fields.items() if theirs == field)
    names = [str(name) for name in raw.row]
    near = get_close_matches(field, names, n=1)
    has = ", ".join(map(repr, names))[:200]  # repr: names are the file's, and may hold line ends
    meant = f"did you mean {near[0]!r}?" if near else "correct it"
    raise MissingFieldError(f"{raw.where}: no field {field!r} (it has: {has})", f"fields.{ours}", meant)


def _text(raw: Raw, field: str, value: Any) -> str:
    """A value as text; of a list, its one element."""
    if value is MISSING:
        return ""
    if isinstance(value, list) and len(value) > 1:
        raise UserError(
            f"{raw.where}: field {field!r} is a list of {len(value)}; name one of it in `fields`: {field}.0"
        )
    return text_of(raw, field, next(iter(value), None) if isinstance(value, list) else value, numbers=True)


def _history(raw: Raw, field: str) -> "tuple[Any, ...] | Refusal":
    value = lookup(raw.row, field)
    return () if value is MISSING else chat.history(raw._replace(row={field: value}), field)


def _checks(raw: Raw, field: str) -> tuple[ResponseCheck, ...]:
    """The checks in a field; () where a row has none. Raises UserError naming file and row for what is none."""
    value = lookup(raw.row, field)
    if value is MISSING or value is None:
        return ()
    if isinstance(value, list) and value and all(isinstance(each, dict) and "task" in each for each in value):
        value = [{"name": TASKS, "arguments": {"tasks": value}}]
    try:
        checks = msgspec.convert(value, tuple[ResponseCheck, ...])
    except msgspec.ValidationError as error:
        raise UserError(f"{raw.where}: field {field!r} holds no list of checks ({error}); correct the row") from None
    if reason := next(filter(None, map(invalid, checks)), ""):
        raise UserError(f"{raw.where}: field {field!r}: {reason}; correct the row")
    return checks
