"""The commands of seqit as Typer builds them, for the reference and for checks of command lines in the documents."""

import importlib
import inspect
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from stages.__main__ import COMMANDS, app
from stages.core.cli import reports_errors


def click_command(name: str) -> TyperCommand | TyperGroup:
    """The command `seqit <name>` with all its arguments and options."""
    module = importlib.import_module(f"stages.{name}") if name in COMMANDS else None
    if module is None:
        group = typer.main.get_command(app)
        assert isinstance(group, TyperGroup)
        return cast(TyperCommand, group.commands[name])
    if isinstance(declared := getattr(module, "app", None), typer.Typer):
        return cast(TyperGroup, typer.main.get_command(declared))
    single = typer.Typer(add_completion=False)
    single.command()(reports_errors(getattr(module, name)))
    return cast(TyperCommand, typer.main.get_command(single))


def all_names() -> list[str]:
    """Every command, those of the pipeline first and in its order."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return [*COMMANDS, *(name for name in group.commands if name not in COMMANDS)]


def help_text(command: TyperCommand | TyperGroup) -> list[str]:
    """The paragraphs of a command's help, each on one line."""
    text = command.help or inspect.getdoc(command.callback) or ""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
