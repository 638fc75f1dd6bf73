"""How a door meets its user: help that reads like documentation, one line for a mistake, progress on stderr."""

import inspect
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, get_args, get_type_hints

import click
import typer
from typer.core import TyperArgument

from stages.errors import UserError, one_line

P = ParamSpec("P")


def door(function: Callable[P, None]) -> Callable[P, None]:
    """Run a door: a UserError becomes one line on stderr and exit status 2, an interruption exit status 130."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        started = time.monotonic()
        try:
            function(*args, **kwargs)
        except UserError as error:
            remark(str(error))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            remark("interrupted; replies received so far are kept, run again to go on")
            raise typer.Exit(130) from None
        remark(f"done in {time.monotonic() - started:.1f} s")

    return run


def remark(text: str) -> None:
    """Tell a door's user one line on stderr; nothing for no text."""
    # Doors run as the module __main__; their file says which one it is.
    name = Path(sys.argv[0]).name.removesuffix(".py").rpartition(".")[2].replace("__main__", "stages") or "stages"
    if text:
        print(f"seqit {name}: {one_line(text)}", file=sys.stderr)


def main(function: Callable[..., None]) -> None:
    """Make a door runnable as `python -m stages.<name>`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(door(function))
    start(app)


def start(app: typer.Typer) -> None:
    """Run an app on the command line."""
    command = typer.main.get_command(app)
    for one in [command, *getattr(command, "commands", {}).values()]:
        _explain(one)
    command()


def _explain(command: click.Command) -> None:
    """Paragraphs flow over the terminal's width, and arguments say what they are.

    Typer 0.25 keeps the line ends of a docstring, and click 8.5 takes away what Typer gives arguments as help.
    """
    command.help = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True) if command.callback else {}
    for argument in command.params:
        if isinstance(argument, TyperArgument):
            argument.help = get_args(hints[argument.name])[1].help
