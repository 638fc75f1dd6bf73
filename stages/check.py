"""What each engine of params.yaml can do, by one small request to each."""

import sys
from typing import Annotated

import msgspec
import typer

from stages.core.cli import main
from stages.core.errors import one_line
from stages.params import load
from stages.params.missing_paths import missing_paths
from stages.planning import preflight
from stages.planning.preflight import Checked, Subject


def check(
    again: Annotated[bool, typer.Option("--again", help="Ask servers again whose answers are recorded")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
) -> None:
    """Send a small request to each engine that params.yaml names, and say what it can do and what will not work.

    Of a server: whether it is there and the API key works, which dialect it has, which fields it takes, whether it
    keeps to the token limit, how fast it is, whether its model reasons before it answers. What is learnt is recorded in
    the state folder and used by `dialect: auto`. Exit status 1 where something that the experiment needs fails.
    """
    params, recall = load(), preflight.recall(again)
    checked = []
    for subject in preflight.subjects(params):
        result = preflight.check(subject, params, recall)
        checked.append(Checked(subject.roles, subject.model, subject.engine.engine, result))
        if not as_json:
            _show(subject, checked[-1])
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(checked), indent=1).decode())
    missing = missing_paths(params)
    for mistake in missing:
        print(one_line(f"✗ {mistake.path}: {mistake.message}"), file=sys.stderr if as_json else sys.stdout)
    if missing or any(one.check.problems for one in checked):
        raise typer.Exit(1)


def _show(subject: Subject, checked: Checked) -> None:
    requests = checked.check.requests
    print(one_line(subject.title))
    for name, fact in checked.check.facts.items():
        print(one_line(f"  {name:<12} {fact}"))
    for text in checked.check.problems:
        print(one_line(f"  ✗ {text}"))
    for text in checked.check.notes:
        print(one_line(f"  ! {text}"))
    recorded = "" if requests or "server" not in checked.check.facts else "nothing sent: recorded, --again asks anew"
    sent = f"{requests} request{'s' * (requests != 1)} sent" if requests else recorded
    if sent and not checked.check.problems:
        print(f"  {sent}", file=sys.stderr)


if __name__ == "__main__":
    main(check)
