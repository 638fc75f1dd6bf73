"""The table of scores on the terminal."""

from collections.abc import Sequence
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stages.reporting.model_section import HEAD, SummaryRow

WIDTH = 100
"""Columns where the output is no terminal."""


def print_table(rows: Sequence[SummaryRow], stream: TextIO) -> None:
    """Print the rows; a benchmark's name and the share that was cut off stand once."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in HEAD:
        table.add_column(title, justify="left" if title in HEAD[:2] else "right", no_wrap=title in HEAD[:2])
    before = ""
    for row in rows:
        again = row.benchmark == before
        before = row.benchmark
        cells = row._replace(benchmark="" if again else row.benchmark, cut_off="" if again else row.cut_off)
        table.add_row(*(Text(str(cell)) for cell in cells))
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
