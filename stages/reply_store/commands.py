"""The commands of `seqit replies`: counts, checks, and files for others."""

from pathlib import Path
from typing import Annotated

import typer

from stages.core.cli import reports_errors
from stages.core.state_folder import store_path
from stages.reply_store import exchange, inspection, maintenance, row_texts
from stages.reply_store.store import Replies

app = typer.Typer(
    help="Count, show, share, prune and compact the stored replies.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(help="JSONL, gzipped if the name ends in .gz")]
Model = Annotated[str, typer.Option(help="Only models whose identity contains this text")]


@app.command()
@reports_errors
def count(check: Annotated[bool, typer.Option(help="Read everything, compute every key again")] = False) -> None:
    """Say how many replies of which models are stored, and where."""
    with Replies(store_path()) as replies:
        print(inspection.summary(replies, check))


@app.command()
@reports_errors
def compare(
    artifact: Annotated[Path, typer.Argument(help="An artifact's JSONL file, such as data/responded/seed/0.jsonl")],
) -> None:
    """Say whether the replies that an artifact's rows name have the texts of then."""
    with Replies(store_path()) as replies:
        print("{} replies have the text that their row was made of, {} are not stored here".format(
            *row_texts.compare(replies, artifact)
        ))  # fmt: skip


@app.command()
@reports_errors
def show(
    key: Annotated[str, typer.Argument(help="A key from a record's steps, or its beginning")],
) -> None:
    """Print a reply with the whole request that it answers, as JSON."""
    with Replies(store_path()) as replies:
        print(*map(inspection.readable, inspection.show(replies, key)), sep="\n")


@app.command("import")
@reports_errors
def import_(file: File) -> None:
    """Store the replies of a file: all of them, or none if one line is damaged."""
    with Replies(store_path()) as replies:
        print("{} replies were new, {} were known".format(*exchange.import_(replies, file)))


@app.command()
@reports_errors
def prune(
    model: Model = "", before: Annotated[str, typer.Option(help="Only replies stored before this day (UTC)")] = ""
) -> None:
    """Forget replies of a model, or old ones."""
    with Replies(store_path()) as replies:
        print(f"{maintenance.prune(replies, model, before)} replies forgotten; `compact` gives the disk space back")


@app.command()
@reports_errors
def compact() -> None:
    """Make the file as small as what is in it."""
    with Replies(store_path()) as replies:
        print("{:,} bytes before, {:,} after".format(*maintenance.compact(replies)))
