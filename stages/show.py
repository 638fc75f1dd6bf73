"""Rows of a corpus in the terminal: before, after each round, the response, and why a row was rejected."""

import pydoc
import sys
from pathlib import Path
from typing import Annotated

import typer

from stages.core import artifacts
from stages.core.cli import main
from stages.core.errors import UserError
from stages.core.records import Record, Rejected
from stages.params import entry, load
from stages.reporting.row_view import row_views, selected, terminal_text


def show(
    name: Annotated[str, typer.Argument(help="A corpus that is rewritten: seed")],
    row: Annotated[list[str] | None, typer.Argument(help="Ids of rows, or their beginnings; all rows for none")] = None,
    chains: Annotated[bool, typer.Option("--chains", help="Only rows that have several tasks")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="Only rows that are not in the result")] = False,
    random: Annotated[int | None, typer.Option(min=1, help="So many rows, drawn at random by the seed")] = None,
) -> None:
    """Show rows of a corpus as they were, after each round of Seq-Instruct, and with their response.

    Reads what the stages have written; rows appear page by page on a terminal.
    """
    params = load()
    corpus = entry(params.rewrite.entries, name, "rewrite.corpora")
    last = f"responded/{name}/{corpus.rounds}" if name in params.rewrite.corpora else ""
    lost = Path(f"data/{last}.rejected.jsonl")
    views = row_views(
        artifacts.read(f"data/{corpus.reads}.jsonl", Record),
        {n: artifacts.read(f"data/rewritten/{name}/{n}.jsonl", Record) for n in range(1, corpus.rounds + 1)},
        artifacts.read(f"data/{last}.jsonl", Record) if last else (),
        artifacts.read(lost, Rejected) if last and lost.exists() else (),
    )
    chosen_views = selected(views, row or [], chains, rejected, random, params.seed)
    if not chosen_views:
        raise UserError(f"{name}: no row is like that; leave an option out")
    text = "\n".join(map(terminal_text, chosen_views))
    pydoc.pager(text) if sys.stdout.isatty() else print(text, end="")


if __name__ == "__main__":
    main(show)
