"""Rows of a corpus in the terminal: before, after each round, the response, and why a row was rejected."""

import pydoc
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from stages.core import artifacts
from stages.core.cli import main
from stages.core.errors import UserError
from stages.core.records import Record, Rejected
from stages.core.state_folder import store_path
from stages.params import entry, load
from stages.reply_store.reply_texts import stored_texts
from stages.reporting.row_view import rejected_views, row_views, selected, terminal_text

T = TypeVar("T")


def show(
    name: Annotated[str, typer.Argument(help="A corpus: an entry of `ingest.corpora` or `rewrite`, such as seed")],
    row: Annotated[list[str] | None, typer.Argument(help="Ids of rows, or their beginnings; all rows for none")] = None,
    chains: Annotated[bool, typer.Option("--chains", help="Only rows that have several tasks")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="Only rows that a round or reading lost")] = False,
    random: Annotated[int | None, typer.Option(min=1, help="So many rows, drawn at random by the seed")] = None,
) -> str | None:
    """Show rows of a corpus as they were, after each round of Seq-Instruct, and with their response.

    Reads what stages have written so far. Rows appear page by page on a terminal, control characters written out.
    With --rejected each row has the reason, and what the model replied as far as the reply store has it.
    """
    params = load()
    corpora = {**dict.fromkeys(params.ingest.corpora), **params.rewrite.entries}
    corpus = entry(corpora, name, "ingest.corpora")
    source, rounds = (corpus.reads, corpus.rounds) if corpus else (f"ingested/{name}", 0)
    after = [f"rewritten/{name}/{number}" for number in range(1, rounds + 1)]
    last = f"responded/{name}/{rounds}" if name in params.rewrite.corpora else ""
    rewritten = {number: _rows(made, Record) for number, made in enumerate(after, 1)}
    before, unanswered = artifacts.read(f"data/{source}.jsonl", Record), _rows(f"{last}.rejected", Rejected)
    views = row_views(before, rewritten, _rows(last, Record), unanswered)
    lost = rejected_views(_rows(f"{source}.rejected", Rejected) if rejected else ())
    all_views = [*views, *lost]
    if absent := [id for id in row or [] if not any(view.id.startswith(id) for view in all_views)]:
        ids = ", ".join(map(repr, absent))
        raise UserError(f"{name}: no row has an id that begins with {ids}; `seqit show {name}` shows all")
    chosen_views = selected(all_views, row or [], chains, rejected, random, params.seed)
    if not chosen_views:
        raise UserError(f"{name}: no row is like that; leave an option out")
    keys = (key for view in chosen_views for one in view.failures for key in one.replies)
    replies = stored_texts(store_path(), keys) if rejected else None
    text = "\n".join(terminal_text(view, replies) for view in chosen_views)
    (pydoc.pager if sys.stdout.isatty() else sys.stdout.write)(text)
    missing = [made for made in (*after, last) if made and not Path(f"data/{made}.jsonl").exists()]
    return f"not made yet: {', '.join(missing)}; `seqit run` makes them" if missing else None


def _rows(artifact: str, kind: type[T]) -> Iterable[T]:
    path = Path(f"data/{artifact}.jsonl")
    return artifacts.read(path, kind) if path.exists() else ()


if __name__ == "__main__":
    main(show)
