"""The run of dvc.lock, rebuilt from its source files and stored replies without a model, and compared byte by byte."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stages.core.cli import main
from stages.core.project import given_path, require_graph
from stages.core.state_folder import store_path
from stages.reply_store.selected_export import tell
from stages.reproduction.reproduce_run import REPLIES, REPORT, record
from stages.reproduction.reproduce_run import reproduce as rebuild
from stages.reproduction.reproduction_table import closing_lines, stage_line
from stages.reproduction.work_folder import work_folder

FOLDER = Path(".seqit/reproduce")


def reproduce(
    targets: Annotated[list[str] | None, typer.Argument(help="Stages, as for `dvc repro`; left out, all")] = None,
    replies: Annotated[str, typer.Option(help="An exported file; left out, that of data/replies/")] = "",
    write: Annotated[bool, typer.Option("--record", help="First write data/replies/ from this checkout's run")] = False,
    folder: Annotated[str, typer.Option(help="Where to rebuild; left out, .seqit/reproduce")] = "",
    jobs: Annotated[int, typer.Option(min=0, help="Stages at a time; 0: as many as there are cores, up to 4")] = 0,
    every: Annotated[bool, typer.Option("--all", help="List the outputs that are reproduced, too")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text")] = False,
) -> None:
    """Rebuild every output of the run of dvc.lock but its trained models, and compare each with dvc.lock.

    The stages of dvc.yaml run in a folder of their own, on copies of the source files and with the replies of the file
    alone: no model is asked and none is trained. Trained models are known by the list of their files, whose hash is in
    dvc.lock. The checkout, its dvc.lock and its reply store stay as they are; `make repro` asks the models.

    Exit status 1 where an output differs or a reply is missing, 2 for bad input.
    """
    require_graph()
    if write:
        tell(record(store_path()), REPLIES)
    with work_folder(given_path(folder) if folder else FOLDER) as work:
        show = None if as_json else lambda step, rebuilt: print(stage_line(step, rebuilt), flush=True)
        if not as_json:
            print("== stage, seconds, outputs with the bytes of dvc.lock, what it does", flush=True)
        result = rebuild(
            work,
            jobs or min(4, len(os.sched_getaffinity(0))),
            show,
            given_path(replies) if replies else REPLIES,
            targets or [],
        )
        if as_json:
            print(msgspec.json.format(msgspec.json.encode(result), indent=1).decode())
        else:
            print("\n".join(closing_lines(result, work, work / REPORT, every)))
    if not result.is_whole:
        raise typer.Exit(1)


if __name__ == "__main__":
    main(reproduce)
