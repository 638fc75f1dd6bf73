"""Rows of which only the last reply is learned, behind exactly the text that inference sends.

Chat templates of reasoning models (Qwen3, DeepSeek-R1) write a reply otherwise once it is an earlier turn, and open the
next one with a mark. So the text before the reply is rendered as for inference, and what follows is what a model is to
write: https://docs.axolotl.ai/docs/dataset-formats/template_free.html
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from stages.training.chat_rendering import Specials, render
from stages.training.training_rows import Row

if TYPE_CHECKING:
    from stages.training.base_model import BaseModel

LONGEST_MARK = 40
"""Characters of the longest mark that opens reasoning, and more."""
BRACKETS = {"<": ">", "[": "]", "◁": "▷"}
"""What such marks begin and end with (`stages.reasoning.marks`)."""


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a row, as Axolotl reads it."""

    label: bool
    """Whether it is learned."""
    text: str


class SegmentedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Row` as the text before the last reply, and the reply with its end."""

    id: str
    segments: tuple[Segment, Segment]


def segments(template: str, specials: Specials, row: Row) -> tuple[str, str]:
    """The text that inference would send for the last reply of a row, and what is learned: the reply and its end.

    Where the template has already opened the reasoning, the reply begins behind that mark. Raises UserError for a
    template that can't be rendered.
    """
    request, reply = render(template, specials, row.messages[:-1], reply=True), row.messages[-1].content
    mark = _opened(request, reply)
    return request, (reply.removeprefix(mark).lstrip("\n") if mark else reply) + specials.eos


def segmented(rows: Iterable[Row], base: "BaseModel") -> Iterator[SegmentedRow]:
    """The rows as Axolotl reads them with `type: input_output`, in order."""
    for row in rows:
        request, reply = segments(base.template, base.specials, row)
        yield SegmentedRow(row.id, (Segment(False, request), Segment(True, reply)))


def _opened(request: str, reply: str) -> str:
    """The mark, such as <think>, that the request ends with and the reply begins with; "" for none."""
    end = request.rstrip()[-LONGEST_MARK:]
    suffixes = (end[start:] for start in range(len(end)))
    return next((text for text in suffixes if BRACKETS.get(text[0]) == text[-1] and reply.startswith(text)), "")
