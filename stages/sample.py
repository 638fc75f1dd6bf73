"""Ablation sets (paper 5.1) and mixtures of rounds, such as SeqEval (paper 3) -> data/sampled/<name>.jsonl."""

from pathlib import Path
from typing import Annotated

import typer

from stages import ablations, jsonl
from stages.cli import door
from stages.params import entry, load
from stages.records import Record

HELP = "Draw a set from others; counts, totals and tests that show what it is go to data/metrics/sample/."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Its name in params.yaml, under sample")]


@app.command()
@door
def budget(name: Name) -> None:
    """Data level: rows of `reads` until their tokens equal those of `like`."""
    from stages.engines.tokens import counter

    params = load()
    asked = entry(params.sample.budget, name, "sample.budget")
    count = counter(Path("models", params.tokenizer))
    whole, like = (
        ablations.Arm(rows := _rows(artifact), ablations.lengths(rows, asked.measure, count))
        for artifact in (asked.reads, asked.like)
    )
    part = ablations.budget(whole.records, whole.lengths, sum(like.lengths), params.seed)
    kept = ablations.Arm(part, ablations.lengths(part, asked.measure, count))
    jsonl.write(f"data/sampled/{name}.jsonl", part)
    page = ablations.page({asked.reads: whole, asked.like: like}, {asked.reads: kept, asked.like: like})
    jsonl.write_json(f"data/metrics/sample/{name}.json", page)


@app.command()
@door
def mixture(name: Name) -> None:
    """Each source row once, from one of four rounds, in fixed shares."""
    params = load()
    asked = entry(params.sample.mixture, name, "sample.mixture")
    rounds = [_rows(artifact) for artifact in (asked.one, asked.two, asked.three, asked.four)]
    found = ablations.mixture(rounds, asked.shares, params.seed)
    jsonl.write(f"data/sampled/{name}.jsonl", found.rows)
    jsonl.write_json(f"data/metrics/sample/{name}.json", ablations.mixed(found, asked.shares))


def _rows(artifact: str) -> list[Record]:
    return list(jsonl.read_validated(f"data/{artifact}.jsonl", f"data/validated/{artifact}.json", Record))


if __name__ == "__main__":
    app()
