"""Which rows of a training set are used: those that fit into the sequence and contain no special token of the model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from stages.core import artifacts
from stages.core.errors import UserError
from stages.training.base_model import BaseModel
from stages.training.chat_rendering import forged, render
from stages.training.reply_segments import segments
from stages.training.training_rows import Row

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK = 256
"""Rows tokenized together."""


@dataclass
class RowCounts:
    """How many rows of a training set were used and left out, and the tokens of those used, template included."""

    read: int = 0
    used: int = 0
    too_long: int = 0
    special_token: int = 0
    tokens: int = 0
    validation: int = 0
    """Those among the used rows that are not trained on."""

    def as_metrics(self) -> dict[str, int]:
        """The counts of rows; that of validation only where there are any."""
        return {
            "read": self.read, "used": self.used, "too_long": self.too_long, "special_token": self.special_token,
            **({"validation": self.validation} if self.validation else {}),
        }  # fmt: skip

    def require_one(self, max_length: int) -> None:
        """Raise UserError unless a row is used; `max_length` is named as the reason for those that are too long."""
        if not self.read:
            raise UserError("the training set is empty; look at what its entry of `format` in params.yaml reads")
        if not self.used:
            raise UserError(
                f"none of {self.read} rows can be trained on: {self.too_long} are longer than train.settings."
                f"max_length {max_length}, {self.special_token} have a special token of the model in them"
            )


def usable_rows(
    rows: Iterable[Row], base: BaseModel, max_length: int, counts: RowCounts, last_only: bool = False
) -> Iterator[Row]:
    """The rows of at most `max_length` tokens without a special token in their text; all are counted in `counts`.

    last_only: rows are trained on as `reply_segments`. Raises UserError behind the last row where none was usable.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(artifacts.read_text(base.directory / "tokenizer.json"))
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        honest = [row for row in chunk if not forged(row.messages, base.structural)]
        lengths = _lengths(tokenizer, base, honest, last_only)
        fitting = [(row, length) for row, length in zip(honest, lengths, strict=True) if length <= max_length]
        counts.read += len(chunk)
        counts.special_token += len(chunk) - len(honest)
        counts.too_long += len(honest) - len(fitting)
        counts.used += len(fitting)
        counts.tokens += sum(length for _, length in fitting)
        yield from (row for row, _ in fitting)
    counts.require_one(max_length)


def _lengths(tokenizer: "Tokenizer", base: BaseModel, rows: list[Row], last_only: bool) -> list[int]:
    """The tokens of each row as Axolotl will make them."""
    parts = (
        [segments(base.template, base.specials, row) for row in rows]
        if last_only
        else [(render(base.template, base.specials, row.messages),) for row in rows]
    )
    texts = [text for row in parts for text in row]
    tokens = iter(tokenizer.encode_batch(texts, add_special_tokens=False))
    return [sum(len(next(tokens).ids) for _ in row) for row in parts]
