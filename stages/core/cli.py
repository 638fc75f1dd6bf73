"""How a command meets its user: help that reads like documentation, one line for a mistake, progress on stderr."""

import errno
import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec

import typer
from typer.models import ArgumentInfo

from stages.core import project
from stages.core.errors import UserError, joined, one_line
from stages.core.redaction import without_secrets
from stages.core.run_messages import record_error

P = ParamSpec("P")


def reports_errors(function: Callable[P, str | None]) -> Callable[P, None]:
    """A command: a UserError becomes one line on stderr and exit status 2, an interruption exit status 130.

    What `function` returns is a warning, "" or None for none: it becomes the last line on stderr. Its keyword-only
    parameters are what it reaches models and programs with; they are no options of the command line, see `call`.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        started = time.monotonic()
        try:
            warning = function(*args, **kwargs)
        except UserError as error:
            remark(str(error))
            record_error(str(error))
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            remark(f"{str(error.filename)[:60]}…: is longer than a name of a file can be; name another")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            remark("interrupted; replies received so far are kept, run again to go on")
            raise typer.Exit(130) from None
        remark(f"done in {time.monotonic() - started:.1f} s")
        remark(f"warning: {warning}" if warning else "")

    signature = inspect.signature(function)
    options = [one for one in signature.parameters.values() if one.kind is not one.KEYWORD_ONLY]
    run.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    return run


def call(module: ModuleType, words: Sequence[str], **dependencies: Any) -> int:
    """Run the command of a module in this process; returns its exit status.

    words: as on the command line. dependencies: values for the keyword-only parameters of the command's function, as
    far as it has such.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.callback()(lambda: None)  # which makes a group of a single command too
    functions = _functions(module)
    for name, function in functions.items():
        own = {key: value for key, value in dependencies.items() if key in inspect.signature(function).parameters}
        app.command(name)(reports_errors(wraps(function)(partial(function, **own))))
    named = words if "app" in vars(module) else [*functions, *words]
    return int(app([*named], standalone_mode=False) or 0)


def _functions(module: ModuleType) -> dict[str, Callable[..., str | None]]:
    """The functions of a module's `app` by the names of their commands, else the one that is named like the module."""
    app: typer.Typer | None = vars(module).get("app")
    if app is None:
        name = module.__name__.rpartition(".")[2]
        return {name: vars(module)[name]}
    callbacks = [(one.name, one.callback) for one in app.registered_commands if one.callback]
    return {name or callback.__name__: inspect.unwrap(callback) for name, callback in callbacks}


def remark(text: str) -> None:
    """Print one line for the user on stderr; nothing for no text."""
    if text:
        print(f"{_command()}: {one_line(without_secrets(text))}", file=sys.stderr)


def _command() -> str:
    """What the user calls: "seqit respond", or "seqit" before a command is known."""
    # Commands run as the module __main__; their file says which one it is.
    name = Path(sys.argv[0]).name.removesuffix(".py").rpartition(".")[2].replace("__main__", "seqit")
    if name in ("", "-c", "-m", "seqit", "stages"):
        name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"seqit {name}".strip()


def report_losses(
    rows: int, lost: Mapping[str, Mapping[str, int]], *, kept: str = "kept", see: str = "", unit: str = "rows",
    name: str = "",
) -> None:  # fmt: skip
    """Print one line on stderr that says how many rows a command lost and why; nothing where none was lost.

    "seqit respond: 64 rows: 61 kept, 3 rejected (truncated 2, refused 1); see data/responded/seed/0.rejected.jsonl"

    rows: how many were read. lost: what happened to them ("rejected", "unchanged") -> reason -> count; reasons with the
    count 0 are left out. kept: what the command did to all others. see: the file that holds the lost rows. name: of
    the set, where a command has several.
    """
    groups = {verb: {why: count for why, count in reasons.items() if count} for verb, reasons in lost.items()}
    parts = [f"{sum(reasons.values()):,} {verb} ({_listed(reasons)})" for verb, reasons in groups.items() if reasons]
    rest = rows - sum(sum(reasons.values()) for reasons in groups.values())
    line = f"{rows:,} {unit}: {', '.join([f'{rest:,} {kept}', *parts])}"
    where = f"; see {see}" if see else ""
    remark(f"{f'{name}: ' if name else ''}{line}{where}" if parts else "")


def entry_argument(text: str) -> ArgumentInfo:
    """A command's argument that names an entry of params.yaml, with its help; the command gets `entry_name` of it."""
    return ArgumentInfo(default=..., help=text, callback=entry_name)


def entry_name(name: str) -> str:
    """The name of an entry of params.yaml: `name`, or what follows the @ of a stage's address (rewrite@seed).

    DVC puts the address into DVC_STAGE, which dvc.yaml hands on. Below the top it begins with a path: ../dvc.yaml:….
    """
    return name.rpartition("@")[2]


def entry_names(names: list[str]) -> list[str]:
    """`entry_name` of each."""
    return [entry_name(name) for name in names]


def together(*warnings: str) -> str:
    """One warning of several, without those that are empty."""
    return joined(warnings)


def _listed(counts: Mapping[str, int]) -> str:
    """ "truncated 2, refused 1": the most frequent reason first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{reason} {count:,}" for reason, count in ordered)


def main(function: Callable[..., str | None]) -> None:
    """Make a command runnable as `python -m stages.<name>`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(reports_errors(function))
    start(app)


def start(app: typer.Typer) -> None:
    """Run an app on the command line, from the top of the project; paragraphs of its docstrings flow over the width."""
    project.enter()
    for command in app.registered_commands:
        command.help = _flowing(command.help or inspect.getdoc(command.callback) or "")
    if isinstance(app.info.help, str):
        app.info.help = _flowing(app.info.help)
    app(prog_name=_program())


def _program() -> str | None:
    """What `Usage:` calls a subcommand of the console script: "seqit new"; None for what Typer finds itself."""
    is_module = bool(getattr(sys.modules["__main__"], "__package__", None))
    return None if is_module or not sys.argv[0].endswith(".py") else _command()


def _flowing(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
