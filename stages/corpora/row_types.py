"""The types and field readers that corpus formats are made of."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import msgspec

from stages.core.errors import UserError
from stages.core.records import ResponseCheck, Turn
from stages.readers.formats import Raw

Reason = Literal[
    "no-instruction", "not-text", "no-input", "no-translation", "no-user-turn", "no-response", "no-answer",
    "other-subset", "unknown-role", "tool-use", "other-content", "two-systems",
]  # fmt: skip
"""Why a row does not become a record.

no-instruction: the instruction is empty or blank. not-text: a NUL character in some field. no-input: an aligned row
whose English side has no input. no-translation: an aligned row without text in some language. no-user-turn: a
conversation whose turns are not user and assistant by turns. no-response: a conversation without an assistant's turn.
no-answer: a question of an annotated set that has no annotation. other-subset: a row of OpenOrca that is not FlanCoT.
unknown-role: a turn of a role that is none of `chat.ROLES`. tool-use: a conversation with tools. other-content: a row
with pictures, sounds or other parts than text. two-systems: a system prompt beside the turns, another
among them.
"""
BY_DESIGN: Final = frozenset({"other-subset", "no-input"})
"""Reasons of rows that a corpus has beside those it is read for; no limit counts them."""
Repair = Literal["noinput", "unanswered-turn", "list"]
"""What was changed of a row that is read.

noinput: a marker such as "<noinput>" became an empty input. unanswered-turn: user turns after the last response were
left off. list: a field with a list of one text was read as that text.
"""
REPAIRED: Final[Mapping[str, str]] = {
    "noinput": 'an input that says "<noinput>" made empty',
    "list": "a list of one text read as that text",
    "unanswered-turn": "a last turn of the user without a response left off",
}
"""Repairs, for people."""
MISSING: Final = object()
_INDEX = re.compile(r"-?\d{1,9}")
_NO_INPUT = re.compile(
    r"""[\s"'“”`\\]*(?:<|&lt;)\s*(?:no[\s_-]*input|无输入|無輸入)\s*/?(?:>|&gt;)[\s"'“”`.,;:。]*""", re.IGNORECASE
)
"""As 155 inputs of Stanford Alpaca have it (<no input>, "<noinput>", <Noinput>., …), and translations into Chinese."""


class Content(msgspec.Struct, frozen=True):
    """The content of a row, in the fields of `Record`."""

    instruction: str
    input: str = ""
    response: str = ""
    system: str = ""
    history: tuple[Turn, ...] = ()
    image: str = ""
    part: str = ""
    """Which of several records of one row this is; it ends the record's id. "" where a row is one record."""
    repairs: tuple[Repair, ...] = ()
    checks: tuple[ResponseCheck, ...] = ()
    """What a response must satisfy."""


class Refusal(NamedTuple):
    """Why a row has no usable content."""

    reason: Reason
    detail: str = ""


Read = tuple[Raw, Content | Refusal]
Adapter = Callable[[Iterable[Raw], Mapping[str, str]], Iterator[Read]]
"""(rows, the `fields` of params.yaml) -> each row with its content, lazily and in order.

Raises UserError naming file and row for a row that lacks a field or holds another type in it: such a file does not
have the format of `adapter`.
"""


class MissingFieldError(UserError):
    """A field that the mapping of params.yaml names and that a row has not."""

    def __init__(self, fault: str, key: str, remedy: str) -> None:
        """key: what names the field in the corpus's entry of params.yaml, such as fields.instruction."""
        super().__init__(f"{fault}, which {key} of its entry names; {remedy}")
        self._fault, self._key, self._remedy = fault, key, remedy

    def of(self, corpus: str) -> UserError:
        """The error with the whole path in params.yaml."""
        return UserError(f"{self._fault}, which ingest.corpora.{corpus}.{self._key} names; {self._remedy}")


def per_row(content: Callable[[Raw], Content | Refusal]) -> Adapter:
    """The adapter of a corpus whose rows are read one by one, without a field mapping."""

    def contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
        no_fields(fields)
        return ((raw, content(raw)) for raw in rows)

    return contents


def no_fields(fields: Mapping[str, str]) -> None:
    """Raise UserError if there is a field mapping, for adapters that know their fields."""
    if fields:
        raise UserError("params.yaml: `fields` is for adapter own; remove it, or name own as the adapter")


def text(raw: Raw, field: str, numbers: bool = False) -> str:
    """The text in a field, "" for null; see `value_of` for fields inside of fields.

    numbers: whether a number, a truth value or a date is read as it would be written (ISO 8601). Raises UserError
    naming file and row if there is no such field or no text in it.
    """
    return text_of(raw, field, value_of(raw, field), numbers)


def text_if_any(raw: Raw, field: str) -> str:
    """The same where rows may lack the field: "" then."""
    value = lookup(raw.row, field)
    return "" if value is MISSING else text_of(raw, field, value, True)


def text_of(raw: Raw, field: str, value: Any, numbers: bool = False) -> str:
    """A value as text, see `text`. Raises UserError naming `field` where it is none."""
    if value is None or value != value:  # NaN stands for a missing value in tables
        return ""
    if isinstance(value, str):
        return value
    if numbers and isinstance(value, bool):
        return str(value).lower()
    if numbers and isinstance(value, int | float | Decimal):
        return str(value)
    if numbers and isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    raise UserError(f"{raw.where}: field {field!r} holds {value!r:.40} and not text; correct the row")


def value_of(raw: Raw, field: str) -> Any:
    """Whatever is in a field: "a.b" is field b of the object in field a, "a.0.b" that of the first object in a list.

    "a.-1" is the last of a list. Raises UserError naming file and row if there is no such field.
    """
    value = lookup(raw.row, field)
    if value is MISSING:
        has = ", ".join(map(repr, raw.row))[:200]  # repr: names are the file's, and may hold line ends
        raise UserError(f"{raw.where}: no field {field!r} (it has: {has}); correct the row, or name another adapter")
    return value


def lookup(row: Mapping[str, Any], field: str) -> Any:
    """Whatever is in a field, see `value_of`; None below a null; MISSING where there is no such field."""
    value: Any = row
    for name in [field] if field in row else field.split("."):
        if value is None:
            return None
        if isinstance(value, list) and _INDEX.fullmatch(name) and -len(value) <= int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return MISSING
    return value


def input_of(written: str) -> tuple[str, tuple[Repair, ...]]:
    """The input without the marker that stands for none in Self-Instruct and what came of it, and what was repaired."""
    return ("", ("noinput",)) if _NO_INPUT.fullmatch(written) else (written, ())
