"""Two sets of answers to one benchmark, pairwise and in both orders -> data/compared/<name>.jsonl."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from stages import jsonl, prompts
from stages.benchmarks.alpaca_eval import annotations
from stages.benchmarks.contests import Output, Response, answered, contests, referred
from stages.benchmarks.questions import Answer, Question, scarce
from stages.benchmarks.selection import Drawn
from stages.cli import door, remark, start
from stages.engines import connect
from stages.judges.asking import Panel
from stages.judges.pairwise import prefer
from stages.params import Params, entry, load

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="An entry of `compare.runs` or `compare.references` in params.yaml")]


@app.command()
@door
def runs(name: Name) -> None:
    """A treatment against a baseline, both of them runs."""
    asked = entry((params := load()).compare.runs, name, "compare.runs")
    _hold(params, name, asked, lambda _: answered(_answers(asked.baseline, asked.benchmark)))


@app.command()
@door
def references(name: Name) -> None:
    """A run against a file of outputs, such as AlpacaEval's own references; rows are matched by their instruction."""
    asked = entry((params := load()).compare.references, name, "compare.references")
    _hold(params, name, asked, lambda questions: referred(questions, jsonl.read_rows(asked.outputs, Output)))


def _hold(params: Params, name: str, asked: Any, side: Callable[[list[Question]], dict[str, Response]]) -> None:
    settings = params.compare.settings
    questions = list(jsonl.read(f"data/ingested/benchmarks/{asked.benchmark}.jsonl", Question))
    baseline, treatment = side(questions), answered(_answers(asked.treatment, asked.benchmark))
    template = prompts.parse(jsonl.read_text(settings.prompt), settings.prompt)
    drawn = Drawn(asked.sample, settings.controls, params.seed, params.evaluate.resamples)
    with connect(params.engines.judge, purpose=f"compare {name}") as complete:
        panel = Panel(complete, template, settings.sampling(), settings.attempts, params.seed, settings.reading)
        outcomes, summary = contests(questions, baseline, treatment, complete.watched(partial(prefer, panel)), drawn)
    jsonl.write(f"data/compared/{name}.jsonl", outcomes)
    jsonl.write_json(f"data/compared/{name}.annotations.json", annotations(outcomes, questions, baseline, treatment))
    jsonl.write_json(f"data/metrics/compare/{name}.json", summary | complete.summary())
    remark(scarce(name, summary))


def _answers(run: str, benchmark: str) -> list[Answer]:
    return list(jsonl.artifact(f"answered/{run}/{benchmark}", Answer))


if __name__ == "__main__":
    start(app)
