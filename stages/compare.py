"""Two sets of answers to one benchmark, pairwise and in both orders -> data/compared/<name>.jsonl."""

from functools import partial
from typing import Annotated, Any

import typer

from stages import prompts
from stages.core import artifacts
from stages.core.cli import entry_argument, report_losses, reports_errors, start, together
from stages.evaluation.benchmarks import pairwise_comparison as pairwise
from stages.evaluation.benchmarks.alpaca_eval_annotations import annotations
from stages.evaluation.benchmarks.questions import Answer, Question, unscored_warning
from stages.evaluation.benchmarks.sampling import JudgeSample, shortage
from stages.evaluation.judges.judge_requests import JudgeConfig
from stages.evaluation.judges.pairwise import compare_pairs
from stages.inference.connect import Connect, connect
from stages.params import Params, entry, load

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Responses = dict[str, pairwise.Response]
Name = Annotated[str, entry_argument("An entry of `compare.runs` or `compare.references` in params.yaml")]


@app.command()
@reports_errors
def runs(name: Name, *, connect: Connect = connect) -> str:
    """A treatment against a baseline, both of them runs."""
    comparison = entry((params := load()).compare.runs, name, "compare.runs")
    return _compare(connect, params, name, comparison, _responses(comparison.baseline, comparison.benchmark))


@app.command()
@reports_errors
def references(name: Name, *, connect: Connect = connect) -> str:
    """A run against a file of outputs, such as AlpacaEval's own references; rows are matched by their instruction."""
    comparison = entry((params := load()).compare.references, name, "compare.references")
    outputs, questions = artifacts.read_rows(comparison.outputs, pairwise.Output), _questions(comparison.benchmark)
    return _compare(connect, params, name, comparison, pairwise.file_responses(questions, outputs))


def _compare(connect: Connect, params: Params, name: str, comparison: Any, baseline: Responses) -> str:
    settings, questions = params.compare.settings, _questions(comparison.benchmark)
    sides = questions, baseline, _responses(comparison.treatment, comparison.benchmark)
    template = prompts.parse(artifacts.read_text(settings.prompt), settings.prompt)
    sample = JudgeSample(comparison.sample, settings.controls, params.seed, params.evaluate.resamples)
    with connect(params.engines.judge, purpose=f"compare {name}") as complete:
        config = JudgeConfig(complete, template, settings.sampling(), settings.attempts, params.seed, settings.reading)
        scores, summary = pairwise.compare_responses(*sides, complete.watched(partial(compare_pairs, config)), sample)
    artifacts.write(f"data/compared/{name}.jsonl", scores)
    artifacts.write_json(f"data/compared/{name}.annotations.json", annotations(scores, *sides))
    artifacts.write_json(f"data/metrics/compare/{name}.json", summary | complete.summary())
    report_losses(summary["n"], {"unscored": summary["unscored"]}, kept="scored", unit="questions", name=name)
    return together(unscored_warning(name, summary), shortage(comparison.sample, settings.controls, scores))


def _questions(benchmark: str) -> list[Question]:
    return list(artifacts.artifact(f"ingested/benchmarks/{benchmark}", Question))


def _responses(run: str, benchmark: str) -> Responses:
    return pairwise.run_responses(artifacts.artifact(f"predictions/{run}/{benchmark}", Answer))


if __name__ == "__main__":
    start(app)
