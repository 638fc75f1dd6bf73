"""Describe the image, then answer the question about it (paper 4.1.2).

Every question of an image is used, and the response of the plain set is the answer. The paper's release kept one
question an image and trained its baseline on the caption.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.chains.chain_types import Chain, Intermediate, Link, Resources, formatted, is_separable
from stages.core.completions import seed_for
from stages.core.errors import UserError
from stages.core.records import Record

TASK = "answer the input question based on the image"
"""The paper's wording after the chain's prefix ("First describe the image, then")."""
INSTRUCTION = f"{TASK[0].upper()}{TASK[1:]}"
"""The same without a prefix, in the plain set."""


def plain(record: Record) -> Record:
    """The plain row of a question about an image: the question is the input, the answer stays the response."""
    if not record.image or record.input:
        return record
    return msgspec.structs.replace(record, instruction=INSTRUCTION, input=record.instruction)


def add_captions(
    link: Link, records: Iterable[Record], resources: Resources
) -> Iterator[tuple[Record, Intermediate | None]]:
    """Rows with an image get one of its captions, drawn for the row; a row whose image has none is unchanged.

    Raises UserError if there are no captions at all.
    """
    if not resources.captions:
        raise UserError(f"params.yaml: chain {link.chain!r} needs captions; put the entry under augment.captions")
    return ((_continued(record), _drawn_caption(record, link, resources)) for record in records)


def _continued(record: Record) -> Record:
    """The row with the instruction that follows a prefix."""
    return msgspec.structs.replace(record, instruction=TASK) if record.instruction == INSTRUCTION else record


def _drawn_caption(record: Record, link: Link, resources: Resources) -> Intermediate | None:
    texts = [formatted(link, text) for text in resources.captions.get(record.image, ())] if record.image else []
    usable = sorted({text for text in texts if text and is_separable(link, text)})
    if not usable:
        return None
    return Intermediate(seed_for(resources.seed, record.id, "caption").choice(usable), record.input, "caption")


CHAIN = Chain(add_captions, plain=plain, without_result="no caption")


def captions_by_image(records: Iterable[Record]) -> dict[str, list[str]]:
    """The captions of each image, from records of a caption corpus (image, response)."""
    captions: dict[str, list[str]] = {}
    for record in records:
        captions.setdefault(record.image, []).append(record.response)
    return captions
