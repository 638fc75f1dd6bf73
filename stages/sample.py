"""Ablation sets (paper 5.1) and mixtures of rounds, such as SeqEval (paper 3) -> data/sampled/<name>.jsonl."""

from functools import partial
from typing import Annotated, Any

import typer

from stages import ablations, jsonl
from stages.cli import door
from stages.params import entry, load
from stages.records import Record

HELP = "Draw a set from others; counts, totals and tests that show what it is go to data/metrics/sample/."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Its name in params.yaml, under sample")]
_rows = partial(jsonl.artifact, type=Record)


def budget(name: Name) -> None:
    """Data level: rows of `reads` until their tokens equal those of `like`."""
    params = load()
    asked = entry(params.sample.budget, name, "sample.budget")
    _write(name, ablations.data_level(_arms(asked), params.seed).sets(_rows))


def pairs(name: Name) -> None:
    """Instance level: the most rows of `reads` and `like` (NAME.like) that pair off at equal length; and the proof."""
    params = load()
    asked = entry(params.sample.pairs, name, "sample.pairs")
    found = ablations.instance_level(_arms(asked), params.seed, asked.tolerance)
    _write(name, found.sets(_rows))
    jsonl.write_json(f"data/sampled/{name}.certificate.json", found.certificate)


def mixture(name: Name) -> None:
    """Each source row once, from one of four rounds, in fixed shares."""
    params = load()
    asked = entry(params.sample.mixture, name, "sample.mixture")
    rounds = [_rows(artifact) for artifact in (asked.one, asked.two, asked.three, asked.four)]
    found = ablations.mixture(rounds, asked.shares, params.seed)
    _write(name, ablations.Sets({"": found.rows}, ablations.mixed(found, asked.shares)))


def _arms(asked: Any) -> dict[str, ablations.Arm]:
    names = (asked.reads, asked.like)
    measured = {name: jsonl.read(f"data/measured/{name}.jsonl", ablations.Length) for name in names}
    return {name: ablations.arm(lengths, asked.measure) for name, lengths in measured.items()}


def _write(name: str, sets: ablations.Sets) -> None:
    jsonl.write_split({part: f"data/sampled/{name}{part}.jsonl" for part in sets.rows}, sets.tagged())
    jsonl.write_json(f"data/metrics/sample/{name}.json", sets.page)


for _command in (budget, pairs, mixture):
    app.command()(door(_command))

if __name__ == "__main__":
    app()
