"""Describe the image, then answer the question about it (paper 4.1.2).

Every question of an image is used, and the plain baseline is trained on the answer: the paper's release kept one
question an image and trained its baseline on the caption.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.chains.chain_types import Link, Means, Middle, fits, laid_out
from stages.core.completions import seed_for
from stages.core.errors import UserError
from stages.core.records import Record

TASK = "answer the input question based on the image"
"""The paper's wording, which goes on behind the chain's prefix ("First describe the image, then")."""
INSTRUCTION = f"{TASK[0].upper()}{TASK[1:]}"
"""The same by itself, in the plain set."""


def plain(record: Record) -> Record:
    """A question about an image as the plain set has it: the question is the input, the response stays the answer."""
    if not record.image or record.input:
        return record
    return msgspec.structs.replace(record, instruction=INSTRUCTION, input=record.instruction)


def caption(link: Link, records: Iterable[Record], means: Means) -> Iterator[tuple[Record, Middle | None]]:
    """Rows with an image get one of its captions, drawn for the row; a row whose image has none stays as it is.

    Raises UserError where there are no captions at all.
    """
    if not means.captions:
        raise UserError(f"params.yaml: chain {link.chain!r} needs captions; put the entry under augment.captions")
    return ((_continued(record), _middle(record, link, means)) for record in records)


def _continued(record: Record) -> Record:
    """The row with its instruction as it stands behind a prefix."""
    return msgspec.structs.replace(record, instruction=TASK) if record.instruction == INSTRUCTION else record


def _middle(record: Record, link: Link, means: Means) -> Middle | None:
    texts = [laid_out(link, text) for text in means.captions.get(record.image, ())] if record.image else []
    usable = sorted({text for text in texts if text and fits(link, text)})
    return (
        Middle(seed_for(means.seed, record.id, "caption").choice(usable), record.input, "caption") if usable else None
    )


def captions(records: Iterable[Record]) -> dict[str, list[str]]:
    """The captions of each image, from records of a caption corpus (image, response)."""
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(record.image, []).append(record.response)
    return found
