"""What adapters are made of: a row as downloaded, its text fields, and what it says once read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from stages.errors import UserError
from stages.records import Turn

Reason = Literal[
    "no-instruction", "not-text", "no-input", "no-translation", "no-user-turn", "no-response", "no-answer",
    "other-subset",
]  # fmt: skip
"""Why a row does not become a record.

no-instruction: the instruction is empty or blank. not-text: a NUL character in some field. no-input: an aligned row
whose English side has no input. no-translation: an aligned row without text in some language. no-user-turn: a
conversation whose turns are not user and assistant by turns. no-response: a conversation without an assistant's turn.
no-answer: a question of an annotated set that has no annotation. other-subset: a row of OpenOrca that is not FlanCoT.
"""


class Raw(NamedTuple):
    """One row as downloaded and where it lies."""

    row: dict[str, Any]
    number: int
    """0-based position in its file."""
    file: str
    """Path of the file below the source folder; "" where the source is one file."""
    where: str
    """For people: "path:line, row n", without the line for files that have none."""


class Content(msgspec.Struct, frozen=True):
    """What a row says, in the words of `Record`."""

    instruction: str
    input: str = ""
    response: str = ""
    system: str = ""
    history: tuple[Turn, ...] = ()
    image: str = ""
    part: str = ""
    """Which of several records of one row this is; it ends the record's id. "" where a row is one record."""


class Refusal(NamedTuple):
    """A row that says nothing we can use."""

    reason: Reason
    detail: str = ""


Read = tuple[Raw, Content | Refusal]
Adapter = Callable[[Iterable[Raw], Mapping[str, str]], Iterator[Read]]
"""(rows, the `fields` of params.yaml) -> each row with what it says, lazily and in order.

Raises UserError naming file and row for a row that lacks a field or holds another type in it: such a file is not what
`adapter` says it is.
"""


def each(content: Callable[[Raw], Content | Refusal]) -> Adapter:
    """The adapter of a corpus whose rows are read one by one, without a field mapping."""

    def contents(rows: Iterable[Raw], fields: Mapping[str, str]) -> Iterator[Read]:
        no_fields(fields)
        return ((raw, content(raw)) for raw in rows)

    return contents


def no_fields(fields: Mapping[str, str]) -> None:
    """Raise UserError if there is a field mapping, for adapters that know their fields."""
    if fields:
        raise UserError("params.yaml: `fields` is for adapter own; remove it, or name own as the adapter")


def text(raw: Raw, field: str) -> str:
    """The text in a field, "" for null; "a.b" is field b of the object in field a.

    Raises UserError naming file and row if there is no such field or no text in it.
    """
    value = value_of(raw, field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(f"{raw.where}: field {field!r} holds {value!r:.40} and not text; mend the row")
    return value


def value_of(raw: Raw, field: str) -> Any:
    """Whatever is in a field, see `text`. Raises UserError naming file and row if there is no such field."""
    value: Any = raw.row
    for name in [field] if field in raw.row else field.split("."):
        if not isinstance(value, dict) or name not in value:
            has = ", ".join(map(repr, raw.row))[:200]  # repr: names are the file's, and may hold line ends
            raise UserError(f"{raw.where}: no field {field!r} (it has: {has}); mend the row, or name another adapter")
        value = value[name]
    return value
