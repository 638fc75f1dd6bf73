"""What a run would do, ask and cost, before it does."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stages.core.cli import main
from stages.planning import plan_table
from stages.planning.make_plan import plan as make


def plan(
    targets: Annotated[list[str] | None, typer.Argument(help="Stages, as for `dvc repro`; left out, all")] = None,
    set_param: Annotated[
        list[str] | None, typer.Option("--set-param", "-S", help="As for `dvc exp run`: key=value, +key=value, ~key")
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Send servers no request to check them")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
) -> None:
    """Say what `dvc exp run -S key=value` would re-run, and what that would ask of which model.

    Per stage: requests that the reply store remembers, new ones, those that may follow from new ones, tokens in and
    out, hours and cost by the `speed` and `price` under `costs` in params.yaml; in all, the time that the stages took
    when `seqit run` last ran them here. No row is sent anywhere and no file is changed; a server that would get
    requests is checked, as by `seqit check`, unless that is recorded.
    """
    forecast = make(Path.cwd(), set_param or [], targets or [], _tell, not no_check)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(forecast), indent=1).decode())
    else:
        plan_table.show(forecast)


def _tell(name: str) -> None:
    if sys.stderr.isatty():
        print(f"seqit plan: {name}\x1b[K", end="\r", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(plan)
