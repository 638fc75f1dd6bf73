"""What a table of the paper consists of: its numbers as printed, and which of our numbers belongs beside each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Measure(NamedTuple):
    """A measure of a benchmark; the value here is the first of `choices` that a run has."""

    choices: tuple[tuple[str, str], ...]
    """(key of BENCHMARKS, measure)."""
    group: str = ""
    """As in `findings.Score.group`: "language:de", "group:repeat"; "" for the whole benchmark."""
    iteration: int | None = None
    """Of SeqEval, the version after so many rounds; None for the mixture of all rounds, and for other benchmarks."""


class WinRate(NamedTuple):
    """The share of the preference over another model's outputs on SeqEval, ties counted as half."""

    opponent: str
    """An arm of `registry.PAPER_ARMS`."""
    iteration: int | None = None


class ControlledWinRate(NamedTuple):
    """AlpacaEval 2.0's length-controlled win rate."""


class Change(NamedTuple):
    """One measure minus another, of the same run."""

    of: Measure
    minus: Measure


class RoundValue(NamedTuple):
    """A number of a round of Seq-Instruct (Table 4)."""

    key: str
    """An action, or a field of `findings.Round`."""


Wanted = Measure | WinRate | ControlledWinRate | Change | RoundValue


class Cell(NamedTuple):
    """One cell: what the paper prints, part by part, and what ours is made of."""

    printed: tuple[str, ...]
    """As printed; "-" where the paper has no number."""
    wanted: tuple[Wanted, ...]
    arm: str = ""
    """The arm of this cell, in a table whose columns are arms; else ""."""


class Row(NamedTuple):
    """A row as printed."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    arms: tuple[str, ...] = ()
    """The arms whose numbers belong below it; () where each cell has its own."""


class Column(NamedTuple):
    """The head of a column of numbers."""

    title: str
    group: str = ""
    """The head above it, which columns of the same group share."""


class PaperTable(NamedTuple):
    """A table in the paper's layout."""

    number: int
    title: str
    heads: tuple[str, ...]
    """Heads of the columns that name a row."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    parts: str = ""
    """What the lines of one cell are, where it has several."""


def measure(benchmark: str, name: str, group: str = "", iteration: int | None = None) -> Measure:
    """A measure that one benchmark has."""
    return Measure(((benchmark, name),), group, iteration)


def row(
    labels: str, numbers: str, wanted: Sequence[Wanted | tuple[Wanted, ...]], arms: str | Sequence[str] = ()
) -> Row:
    """A row of numbers, one a column. labels: separated by " | ". numbers: by spaces, the parts of a cell by "/".

    wanted: for each column, what belongs beside it. arms: of the whole row, or one for each column if as many.
    """
    printed = [tuple(cell.split("/")) for cell in numbers.split()]
    parts = [(one,) if isinstance(one, Wanted) else one for one in wanted]
    own = (arms,) if isinstance(arms, str) else tuple(arms)
    return Row(
        tuple(labels.split(" | ")), tuple(Cell(*both) for both in zip(printed, parts, strict=True)), own
    )  # fmt: skip


def row_by_arm(labels: str, numbers: str, wanted: Mapping[str, tuple[Wanted, ...]]) -> Row:
    """A row of a table whose columns are arms. wanted: arm -> what belongs beside its number."""
    printed = [tuple(cell.split("/")) for cell in numbers.split()]
    cells = (Cell(text, parts, arm) for text, (arm, parts) in zip(printed, wanted.items(), strict=True))
    return Row(tuple(labels.split(" | ")), tuple(cells))
