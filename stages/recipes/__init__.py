"""Recipes: what a training run eats, through which template, and with which Axolotl configuration."""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from stages.messages import Message
from stages.records import Record, Rejected, user_text

Unassembled = Literal["no-instruction", "no-response", "image"]
"""Why a record can't be trained on: a turn of it has no instruction, or no response, or it is about an image, which a
text model does not see."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation to train on: a system turn or none, then user and assistant in turn, an assistant last."""

    id: str
    messages: tuple[Message, ...]


def assemble(records: Iterable[Record]) -> Iterator[tuple[Literal["rows", "rejected"], Row | Rejected]]:
    """Each record as a training row, in order, or rejected with an `Unassembled` reason."""
    for record in records:
        turns = _turns(record)
        reason = "image" if record.image else _reason(turns)
        if reason:
            yield "rejected", Rejected(record.id, reason, "", msgspec.to_builtins(record))
        else:
            yield "rows", Row(record.id, _messages(record.system, turns))


def _turns(record: Record) -> list[tuple[str, str]]:
    # Space around a response would be glued to the template's own line break by the tokenizer, which is never so when
    # the model writes. The instruction stays as it is.
    earlier = [(turn.instruction, turn.response.strip()) for turn in record.history]
    return [*earlier, (user_text(record), record.response.strip())]


def _reason(turns: list[tuple[str, str]]) -> Unassembled | Literal[""]:
    if not all(instruction.strip() for instruction, _ in turns):
        return "no-instruction"
    return "" if all(response for _, response in turns) else "no-response"


def _messages(system: str, turns: list[tuple[str, str]]) -> tuple[Message, ...]:
    # No empty system turn: the model would be trained with one and asked without.
    first = (Message("system", system),) if system.strip() else ()
    talk = [(Message("user", instruction), Message("assistant", response)) for instruction, response in turns]
    return (*first, *(message for pair in talk for message in pair))
