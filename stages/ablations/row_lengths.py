"""Lengths of rows in tokens, of input or output, and draws of rows."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from stages.core.records import Record, user_text

LengthMeasure = Literal["output", "input", "both"]
"""output: the responses, with those of earlier turns. input: the user's texts. both: their sum."""
Count = Callable[[Sequence[str]], list[int]]
"""Texts -> the number of tokens of each."""
CHUNK = 4096
"""Records whose texts are counted in one call: enough for the full speed of the tokenizer, in little memory."""


class RowLength(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Tokens of a row's input and output."""

    id: str
    input: int
    """Tokens of the user's texts, in all turns."""
    output: int
    """Tokens of the responses, in all turns."""


class Arm(NamedTuple):
    """One set of an ablation: the ids of its rows, and the length of each in tokens."""

    ids: Sequence[str]
    lengths: Sequence[int]


def count_lengths(records: Iterable[Record], count: Count) -> Iterator[RowLength]:
    """The length of each record, in order, lazily. Every text goes through `count` once."""
    waiting = iter(records)
    while chunk := list(islice(waiting, CHUNK)):
        inputs = count([_user_texts(record) for record in chunk])
        outputs = count([_responses(record) for record in chunk])
        yield from map(RowLength, (record.id for record in chunk), inputs, outputs)


def _user_texts(record: Record) -> str:
    return "\n".join((*(turn.instruction for turn in record.history), user_text(record)))


def _responses(record: Record) -> str:
    return "\n".join((*(turn.response for turn in record.history), record.response))


def arm_of(lengths_of_rows: Iterable[RowLength], measure: LengthMeasure) -> Arm:
    """Ids and lengths of a set, by the side that is compared."""
    ids, lengths = [], []
    for row in lengths_of_rows:
        ids.append(row.id)
        lengths.append(row.input * (measure != "output") + row.output * (measure != "input"))
    return Arm(ids, lengths)


def record_draw(seed: int, id: str, purpose: str) -> int:
    """A number in [0, 2^64) that depends on the record alone, not on the order of rows or on other rows."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{id}:{purpose}".encode()).digest()[:8])
