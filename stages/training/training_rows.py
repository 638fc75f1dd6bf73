"""Recipes: what a training run eats, through which template, and with which Axolotl configuration."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from stages.core.completions import Image, Look, Message
from stages.core.records import Record, Rejected, user_text

Unassembled = Literal["no-instruction", "no-response", "image"]
"""Why a record can't be trained on: a turn of it has no instruction, or no response, or it is about an image and nobody
said where the images are, as for a text model, which sees none."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation to train on: a system turn or none, then user and assistant in turn, an assistant last."""

    id: str
    messages: tuple[Message, ...]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A picture or a text within a turn, as Axolotl has it (https://docs.axolotl.ai/docs/multimodal.html)."""

    type: Literal["image", "text"]
    text: str = ""
    path: str = ""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A turn in parts."""

    role: str
    content: tuple[Part, ...]


class Talk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Row` for a model that sees."""

    id: str
    messages: tuple[Turn, ...]


def talk(row: Row) -> Talk:
    """The row with its turns in parts, pictures first."""
    return Talk(row.id, tuple(Turn(message.role, _parts(message)) for message in row.messages))


def _parts(message: Message) -> tuple[Part, ...]:
    return (*(Part("image", path=image.path) for image in message.images), Part("text", text=message.content))


def assemble(
    records: Iterable[Record], look: Look | None = None
) -> Iterator[tuple[Literal["rows", "rejected"], Row | Rejected]]:
    """Each record as a training row, in order, or rejected with an `Unassembled` reason.

    look: where the pictures are that records are about, shown in the last turn. Raises UserError for a missing one.
    """
    for record in records:
        turns = _turns(record)
        reason = "image" if record.image and look is None else _reason(turns)
        if reason:
            yield "rejected", Rejected(record.id, reason, "", msgspec.to_builtins(record))
        else:
            images = (look(f"row {record.id}", record.image),) if record.image and look else ()
            yield "rows", Row(record.id, _shown(_messages(record.system, turns), images))


class Tally:
    """Counts the rejected rows by reason as they pass."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.rejected: Counter[str] = Counter()

    def __call__(self, rows: Iterable[tuple[str, Row | Rejected]]) -> Iterator[tuple[str, Row | Rejected]]:
        """The same named rows, counted."""
        for name, row in rows:
            if isinstance(row, Rejected):
                self.rejected[row.reason] += 1
            yield name, row


def _shown(messages: tuple[Message, ...], images: tuple[Image, ...]) -> tuple[Message, ...]:
    *earlier, asked, answered = messages
    return (*earlier, msgspec.structs.replace(asked, images=images), answered)


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
