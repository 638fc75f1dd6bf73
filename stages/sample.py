"""Ablation sets (paper 5.1), combinations, and mixtures of rounds such as SeqEval (3) -> data/sampled/<name>.jsonl."""

from functools import partial
from typing import Annotated, Any

import typer

from stages.ablations.combination import combined_sets
from stages.ablations.comparisons import AblationSets, data_level, instance_level
from stages.ablations.mixture import mixture_sets
from stages.ablations.row_lengths import Arm, RowLength, arm_of
from stages.core import artifacts
from stages.core.cli import entry_argument, report_losses, reports_errors, start
from stages.core.records import Record
from stages.params import entry, load

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, entry_argument("An entry of `sample` in params.yaml, under the part of the command")]
_rows, _lengths = partial(artifacts.artifact, type=Record), partial(artifacts.read, type=RowLength)


def budget(name: Name) -> str:
    """Data level: rows of `reads` until their tokens equal those of `like`."""
    settings = entry((params := load()).sample.budget, name, "sample.budget")
    return _write(name, data_level(_arms(settings), params.seed).sets(_rows))


def pairs(name: Name) -> str:
    """Instance level: the most rows of `reads` and `like` (NAME.like) that pair off at equal length; and the proof."""
    settings = entry((params := load()).sample.pairs, name, "sample.pairs")
    samples = instance_level(_arms(settings), params.seed, settings.tolerance)
    warning = _write(name, samples.sets(_rows))
    artifacts.write_json(f"data/sampled/{name}.certificate.json", samples.certificate)
    return warning


def mixture(name: Name) -> str:
    """Each source row once, from one of four rounds, in fixed shares; rows without a version go to NAME.rejected."""
    settings = entry((params := load()).sample.mixture, name, "sample.mixture")
    return _write(name, mixture_sets([*map(_rows, settings.rounds)], settings.shares, params.seed))


def combination(name: Name) -> str:
    """Two sets as one, a sample of each; rows whose id both have go to NAME.rejected."""
    settings = entry((params := load()).sample.combination, name, "sample.combination")
    return _write(name, combined_sets({part: _rows(part) for part in settings.sets}, settings.sizes, params.seed))


def _arms(settings: Any) -> dict[str, Arm]:
    return {name: arm_of(_lengths(f"data/token_counts/{name}.jsonl"), settings.measure) for name in settings.sets}


def _write(name: str, sets: AblationSets) -> str:
    counts = artifacts.write_split({part: f"data/sampled/{name}{part}.jsonl" for part in sets.rows}, sets.tagged())
    artifacts.write_json(f"data/metrics/sample/{name}.json", sets.statistics)
    report_losses(sum(counts.values()), sets.lost, see=f"data/sampled/{name}.rejected.jsonl")
    return f"{name}: {sets.shortage}" if sets.shortage else ""


for _command in (budget, pairs, mixture, combination):
    app.command()(reports_errors(_command))
if __name__ == "__main__":
    start(app)
