"""AlpacaEval: {instruction, dataset, output, generator} (github.com/tatsu-lab/alpaca_eval)."""

from stages.corpora.row_types import Content, per_row, text
from stages.readers.formats import Raw


def content(raw: Raw) -> Content:
    """The instruction alone: it is a benchmark, so its reference output must never be learnt from."""
    return Content(text(raw, "instruction"))


contents = per_row(content)
