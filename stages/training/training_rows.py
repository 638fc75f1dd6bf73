"""Records as rows of a training set: conversations that Axolotl reads."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from stages.core.completions import Image, Look, Message
from stages.core.records import Record, Rejected, user_text

Unassembled = Literal["no-instruction", "no-response", "image"]
"""Why a record can't be trained on: a turn has no instruction or no response, or the record is about an image and no
folder of images is given, as for a text-only model."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation to train on: a system turn or none, then user and assistant in turn, an assistant last."""

    id: str
    messages: tuple[Message, ...]


class ContentPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An image or a text within a turn, in Axolotl's format (https://docs.axolotl.ai/docs/multimodal.html)."""

    type: Literal["image", "text"]
    text: str = ""
    path: str = ""


class ImageTurn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A turn as a list of images and texts."""

    role: str
    content: tuple[ContentPart, ...]


class ImageRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Row` for a model that accepts images."""

    id: str
    messages: tuple[ImageTurn, ...]


def image_row(row: Row) -> ImageRow:
    """The row with each turn as a list of images, then its text."""
    return ImageRow(row.id, tuple(ImageTurn(message.role, _parts(message)) for message in row.messages))


def _parts(message: Message) -> tuple[ContentPart, ...]:
    return (
        *(ContentPart("image", path=image.path) for image in message.images),
        ContentPart("text", text=message.content),
    )


def assemble(
    records: Iterable[Record], look: Look | None = None
) -> Iterator[tuple[Literal["rows", "rejected"], Row | Rejected]]:
    """Each record as a training row, in order, or rejected with an `Unassembled` reason.

    look: looks up the image that a record is about; it is shown in the last turn. Raises UserError for a missing one.
    """
    for record in records:
        turns = _turns(record)
        reason = "image" if record.image and look is None else _reason(turns)
        if reason:
            yield "rejected", Rejected(record.id, reason, "", msgspec.to_builtins(record))
        else:
            images = (look(f"row {record.id}", record.image),) if record.image and look else ()
            yield "rows", Row(record.id, _with_images(_messages(record.system, turns), images))


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


def _with_images(messages: tuple[Message, ...], images: tuple[Image, ...]) -> tuple[Message, ...]:
    *earlier, request, response = messages
    return (*earlier, msgspec.structs.replace(request, images=images), response)


def _turns(record: Record) -> list[tuple[str, str]]:
    # The tokenizer would merge space around a response with the template's line break, which never happens when the
    # model generates. The instruction stays as it is.
    earlier = [(turn.instruction, turn.response.strip()) for turn in record.history]
    return [*earlier, (user_text(record), record.response.strip())]


def _reason(turns: list[tuple[str, str]]) -> Unassembled | Literal[""]:
    if not all(instruction.strip() for instruction, _ in turns):
        return "no-instruction"
    return "" if all(response for _, response in turns) else "no-response"


def _messages(system: str, turns: list[tuple[str, str]]) -> tuple[Message, ...]:
    # No empty system turn: inference sends none.
    first = (Message("system", system),) if system.strip() else ()
    exchanges = [(Message("user", instruction), Message("assistant", response)) for instruction, response in turns]
    return (*first, *(message for pair in exchanges for message in pair))
