"""How long rows are, in any tokenizer, on the side that an ablation is about."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from stages.core.records import Record, user_text

Measure = Literal["output", "input", "both"]
"""output: the responses, with those of earlier turns. input: what the user said. both: their sum."""
Count = Callable[[Sequence[str]], list[int]]
"""Texts -> the number of tokens of each."""
CHUNK = 4096
"""Records whose texts are counted in one call: enough for the tokenizer's full speed, and memory stays small."""


class Length(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What is remembered of a row: its tokens on either side."""

    id: str
    input: int
    """Tokens of what the user said, in all turns."""
    output: int
    """Tokens of the responses, in all turns."""


class Arm(NamedTuple):
    """One set of an ablation: the ids of its rows, and the length of each in tokens."""

    ids: Sequence[str]
    lengths: Sequence[int]


def measured(records: Iterable[Record], count: Count) -> Iterator[Length]:
    """The length of each record, in order, lazily. Every text goes through `count` once."""
    waiting = iter(records)
    while chunk := list(islice(waiting, CHUNK)):
        said = count([_said(record) for record in chunk])
        answered = count([_answered(record) for record in chunk])
        yield from map(Length, (record.id for record in chunk), said, answered)


def _said(record: Record) -> str:
    return "\n".join((*(turn.instruction for turn in record.history), user_text(record)))


def _answered(record: Record) -> str:
    return "\n".join((*(turn.response for turn in record.history), record.response))


def arm(found: Iterable[Length], measure: Measure) -> Arm:
    """A set's ids and lengths on the side that is compared."""
    ids, lengths = [], []
    for row in found:
        ids.append(row.id)
        lengths.append(row.input * (measure != "output") + row.output * (measure != "input"))
    return Arm(ids, lengths)


def draw(seed: int, id: str, purpose: str) -> int:
    """A number in [0, 2^64) of the record's own: what is drawn does not depend on the order of rows or on other
    rows."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{id}:{purpose}".encode()).digest()[:8])
