"""The tables of scores on the terminal, and what their measures mean."""

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stages.reporting.model_section import HEAD, SummaryRow, meanings, rows_by_tasks, summary_rows

WIDTH = 100
"""Columns where the output is no terminal."""


def print_tables(summaries: Mapping[str, Mapping[str, Any]], stream: TextIO) -> None:
    """Print the scores, the same by the number of tasks, and what each measure means.

    summaries: benchmark -> the summary of its scores, as `evaluate` writes it.
    """
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    rows = summary_rows(summaries)
    console.print(_scores(rows))
    if (by_tasks := _by_tasks(summaries)) is not None:
        console.print("By number of tasks (answers in brackets):", markup=False)
        console.print(by_tasks)
    for measure, text in meanings((row.benchmark, row.measure) for row in rows).items():
        console.print(f"{measure}: {text}", markup=False)


def _scores(rows: Sequence[SummaryRow]) -> Table:
    """A benchmark's name and the share that was cut off stand once."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in HEAD:
        table.add_column(title, justify="left" if title in HEAD[:2] else "right", no_wrap=title in HEAD[:2])
    before = ""
    for row in rows:
        again = row.benchmark == before
        before = row.benchmark
        cells = row._replace(benchmark="" if again else row.benchmark, cut_off="" if again else row.cut_off)
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def _by_tasks(summaries: Mapping[str, Mapping[str, Any]]) -> Table | None:
    rows = rows_by_tasks(summaries)
    if not rows:
        return None
    numbers = sorted({tasks for _, _, cells in rows for tasks in cells})
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in HEAD[:2]:
        table.add_column(title, no_wrap=True)
    for tasks in numbers:
        table.add_column(f"{tasks}", justify="right")
    for benchmark, measure, cells in rows:
        table.add_row(Text(benchmark), Text(measure), *(Text(cells.get(tasks, "")) for tasks in numbers))
    return table
