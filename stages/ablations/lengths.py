"""How long rows are, in any tokenizer, on the side that an ablation is about."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

from stages.records import Record, user_text

Measure = Literal["output", "input", "both"]
"""output: the responses, with those of earlier turns. input: what the user said. both: their sum."""
Count = Callable[[Sequence[str]], list[int]]
"""Texts -> the number of tokens of each."""


def lengths(records: Sequence[Record], measure: Measure, count: Count) -> list[int]:
    """Tokens of each record. Every text goes through `count` once, all in one call, at the tokenizer's full speed."""
    texts = [side for record in records for side in _sides(record, measure)]
    counts = count(texts)
    per = len(texts) // len(records) if records else 1
    return [sum(counts[start : start + per]) for start in range(0, len(counts), per)]


def _sides(record: Record, measure: Measure) -> tuple[str, ...]:
    output = "\n".join((*(turn.response for turn in record.history), record.response))
    said = "\n".join((*(turn.instruction for turn in record.history), user_text(record)))
    return {"output": (output,), "input": (said,), "both": (said, output)}[measure]


def draw(seed: int, id: str, purpose: str) -> int:
    """A number in [0, 2^64) of the record's own: what is drawn does not depend on the order of rows or on other
    rows."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{id}:{purpose}".encode()).digest()[:8])
