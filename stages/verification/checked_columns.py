"""The types of the columns that checks read: a row of another form is refused with its place, before any check."""

from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.verification.set_columns import ID, STEPS, Row

Text = str | msgspec.UnsetType


class _Message(msgspec.Struct):
    role: str
    content: str


class _Turn(msgspec.Struct):
    instruction: str
    response: str


class _Step(msgspec.Struct):
    stage: str
    action: str
    status: str
    round: int
    generator: str
    prompt_sha256: str
    sampling: str
    replies: list[str]
    replies_sha256: list[str] = []


class _AnyRow(msgspec.Struct):
    """A row of any form. Columns that a form lacks are unset."""

    id: str
    language: str
    licence: Text = msgspec.UNSET
    messages: list[_Message] | msgspec.UnsetType = msgspec.UNSET
    instruction: Text = msgspec.UNSET
    input: Text = msgspec.UNSET
    output: Text = msgspec.UNSET
    output_status: Text = msgspec.UNSET
    system_prompt: Text = msgspec.UNSET
    history: list[_Turn] | msgspec.UnsetType = msgspec.UNSET
    source_reference: Text = msgspec.UNSET
    source_row: int | msgspec.UnsetType = msgspec.UNSET
    source_sha256: Text = msgspec.UNSET
    generator: Text = msgspec.UNSET
    reply: Text = msgspec.UNSET


class _RowWithSteps(_AnyRow, kw_only=True):
    """A row with its history, which has the columns that its texts are rebuilt from."""

    licence: str
    instruction: str
    input: str
    system_prompt: str
    source_reference: str
    source_row: int
    source_sha256: str
    steps: list[_Step]


def check_types(file: str, row: Row) -> None:
    """Raise UserError where a row, by the present names of columns, is not of the form that seqit publishes."""
    kind: Any = _RowWithSteps if STEPS in row else _AnyRow
    try:
        msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{file}: row {row[ID]}: is not as seqit publishes rows: {error}; get the file again") from None
