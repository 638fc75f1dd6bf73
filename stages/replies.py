"""The stored replies of every model, and how to share them with a colleague who has no GPU.

Replies are in `$SEQIT_REPLIES`, else in .seqit/replies.sqlite of the main checkout. `export` writes them to a file with
the requests that they answer; after `import`, the same experiment runs on another machine without asking the model.
"""

from typing import Annotated

import typer

from stages.core.cli import reports_errors, start
from stages.core.errors import UserError
from stages.core.project import given_path
from stages.core.state_folder import store_path
from stages.reply_store import exchange
from stages.reply_store.commands import File, Model, app
from stages.reply_store.selected_export import export_selected, tell
from stages.reply_store.store import Replies
from stages.reproduction.named_replies import EVERYTHING, named_by

For = Annotated[
    list[str] | None,
    typer.Option("--for", help="A published set, or `params` for every output of the pipeline (repeatable)"),
]


@app.command()
@reports_errors
def export(
    file: File,
    model: Model = "",
    targets: For = None,
    addresses: Annotated[bool, typer.Option(help="With --for: servers' replies too, with their addresses")] = False,
    salvage: Annotated[bool, typer.Option(help="Leave out what a damaged store can't give")] = False,
) -> None:
    """Write stored replies, with their requests, to a file that `import` reads.

    With --for, exactly those that rows name: the final replies and those of attempts that failed. Of a set under
    data/published/ that this project made, also those of rows that stages before it set aside, so that a rebuild asks
    nothing. The same replies make the same bytes, on every machine. Replies that are missing are counted by reason.
    """
    if targets and (model or salvage):
        raise UserError("--for names the replies by itself; leave out --model and --salvage")
    with Replies(store_path()) as replies:
        if targets:
            paths = [one if one == EVERYTHING else str(given_path(one)) for one in targets]
            tell(export_selected(replies, file, named_by(paths), addresses), file)
        else:
            print("{} replies written, {} could not be read".format(*exchange.export(replies, file, model, salvage)))


if __name__ == "__main__":
    start(app)
