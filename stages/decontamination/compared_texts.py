"""What of a record is compared: what its user asks and what is answered, and what makes two records the same."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from stages.core.records import Record, canonical, user_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Side = Literal["asked", "response"]
CHUNK = 1 << 22
"""Characters that are compared at a time."""


def chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in lists of about CHUNK characters."""
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += sum(map(len, (*sides(record, "asked"), *sides(record, "response"))))
        if size > CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def sides(record: Record, side: Side) -> Iterator[str]:
    """The texts of one side of a conversation, turn by turn; an instruction and its input are one text."""
    if side == "asked":
        yield from (turn.instruction for turn in record.history)
        yield user_text(record)
    else:
        yield from (turn.response for turn in record.history)
        yield record.response


def told(record: Record) -> str:
    """The instruction with everything that was said before it."""
    before = (said for turn in record.history for said in (turn.instruction, turn.response))
    return "\n".join([*before, record.instruction])


def sameness(record: Record) -> bytes:
    """Equal for records that ask the same, word for word but for white space around it, whatever the response."""
    history = [(turn.instruction, turn.response) for turn in record.history]
    asked = (record.instruction.strip(), record.input.strip(), record.system.strip(), record.image, history)
    return hashlib.blake2b(canonical(asked), digest_size=16).digest()


def salts(records: Iterable[Record]) -> "NDArray[np.uint64]":
    """One a record: a question on another image, or under another system prompt, is another question."""
    import numpy as np

    asked = (canonical((record.image, record.system.strip())) for record in records)
    hashes = (hashlib.blake2b(each, digest_size=8).digest() for each in asked)
    return np.frombuffer(b"".join(hashes), np.uint64)
