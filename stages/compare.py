"""Two sets of answers to one benchmark, pairwise and in both orders -> data/compared/<name>.jsonl."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, report_losses, reports_errors, start, together
from stages.evaluation.benchmarks.alpaca_eval import annotations
from stages.evaluation.benchmarks.pairwise_comparison import Output, Response, answered, contests, referred
from stages.evaluation.benchmarks.questions import Answer, Question, scarce
from stages.evaluation.benchmarks.sampling import Drawn, shortage
from stages.evaluation.judges.judge_requests import Panel
from stages.evaluation.judges.pairwise import prefer
from stages.inference.connect import connect
from stages.params import Params, entry, load

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, entry_argument("An entry of `compare.runs` or `compare.references` in params.yaml")]


@app.command()
@reports_errors
def runs(name: Name) -> str:
    """A treatment against a baseline, both of them runs."""
    asked = entry((params := load()).compare.runs, name, "compare.runs")
    return _hold(params, name, asked, lambda _: answered(_answers(asked.baseline, asked.benchmark)))


@app.command()
@reports_errors
def references(name: Name) -> str:
    """A run against a file of outputs, such as AlpacaEval's own references; rows are matched by their instruction."""
    asked = entry((params := load()).compare.references, name, "compare.references")
    return _hold(params, name, asked, lambda questions: referred(questions, artifacts.read_rows(asked.outputs, Output)))


def _hold(params: Params, name: str, asked: Any, side: Callable[[list[Question]], dict[str, Response]]) -> str:
    settings, questions = (
        params.compare.settings,
        [*artifacts.artifact(f"ingested/benchmarks/{asked.benchmark}", Question)],
    )
    baseline, treatment = side(questions), answered(_answers(asked.treatment, asked.benchmark))
    template = prompts.parse(artifacts.read_text(settings.prompt), settings.prompt)
    drawn = Drawn(asked.sample, settings.controls, params.seed, params.evaluate.resamples)
    with connect(params.engines.judge, purpose=f"compare {name}") as complete:
        panel = Panel(complete, template, settings.sampling(), settings.attempts, params.seed, settings.reading)
        outcomes, summary = contests(questions, baseline, treatment, complete.watched(partial(prefer, panel)), drawn)
    artifacts.write(f"data/compared/{name}.jsonl", outcomes)
    artifacts.write_json(
        f"data/compared/{name}.annotations.json", annotations(outcomes, questions, baseline, treatment)
    )
    artifacts.write_json(f"data/metrics/compare/{name}.json", summary | complete.summary())
    report_losses(summary["n"], {"unscored": summary["unscored"]}, kept="scored", unit="questions", name=name)
    return together(scarce(name, summary), shortage(asked.sample, settings.controls, outcomes))


def _answers(run: str, benchmark: str) -> list[Answer]:
    return list(artifacts.artifact(f"predictions/{run}/{benchmark}", Answer))


if __name__ == "__main__":
    start(app)
