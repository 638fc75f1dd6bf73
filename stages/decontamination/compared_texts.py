"""The texts of a record that are compared: its request and its responses, and the hash of a request."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from stages.core.records import Record, canonical, user_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Side = Literal["asked", "response"]
CHUNK = 1 << 22
"""Characters per chunk of records."""


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


def instruction_with_history(record: Record) -> str:
    """The instruction with all earlier turns before it."""
    before = (text for turn in record.history for text in (turn.instruction, turn.response))
    return "\n".join([*before, record.instruction])


def request_hash(record: Record) -> bytes:
    """Equal for records with the same request, except for white space around its texts; the response is ignored."""
    history = [(turn.instruction, turn.response) for turn in record.history]
    request = (record.instruction.strip(), record.input.strip(), record.system.strip(), record.image, history)
    return hashlib.blake2b(canonical(request), digest_size=16).digest()


def salts(records: Iterable[Record]) -> "NDArray[np.uint64]":
    """A hash per record of its image and system prompt: requests that differ in these are different."""
    import numpy as np

    contexts = (canonical((record.image, record.system.strip())) for record in records)
    hashes = (hashlib.blake2b(each, digest_size=8).digest() for each in contexts)
    return np.frombuffer(b"".join(hashes), np.uint64)
