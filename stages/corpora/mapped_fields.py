"""Any rows of the user's own, with the field mapping of params.yaml: {instruction: prompt, response: answer.text}.

The left side is one of instruction (required), input, response, system, history and image; the right side is a field of
the rows, "a.b" for field b of the object in field a, "a.0.b" for that of the first object in a list, or "0", "1", … for
the columns of a .tsv file. null, and a field that only other rows have, read as "".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.core.errors import UserError
from stages.corpora import chat
from stages.corpora.row_types import MISSING, Content, Read, Refusal, input_of, lookup, text_of, value_of
from stages.readers.formats import Raw

FIELDS = ("instruction", "input", "response", "system", "history", "image")


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
        value_of(last, sorted(absent)[0])


def _content(raw: Raw, fields: Mapping[str, str]) -> Content | Refusal:
    instruction = _text(raw, fields["instruction"], value_of(raw, fields["instruction"]))
    texts = {name: _text(raw, fields[name], lookup(raw.row, fields[name])) for name in fields if name != "history"}
    history = _history(raw, fields["history"]) if "history" in fields else ()
    if isinstance(history, Refusal):
        return history
    input, repairs = input_of(texts.get("input", ""))
    return Content(
        instruction, input, texts.get("response", ""), texts.get("system", ""), history,
        image=texts.get("image", ""), repairs=repairs,
    )  # fmt: skip


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
