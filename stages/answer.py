"""A model answers a benchmark; the only stage that asks a model under test."""

from typing import Annotated

import typer

from stages import harness, jsonl
from stages.benchmarks.questions import Question
from stages.cli import main
from stages.engines import connect
from stages.params import entry, load


def answer(
    run: Annotated[str, typer.Argument(help="An entry of answer.runs in params.yaml: a model under models/")],
    benchmark: Annotated[str, typer.Argument(help="An entry of answer.benchmarks in params.yaml")],
) -> None:
    """Ask a model every question of a benchmark.

    Reads data/ingested/benchmarks/BENCHMARK.jsonl and its receipt, writes data/answered/RUN/BENCHMARK.jsonl: the
    answers to each question, in the same order. A request that failed or was refused keeps that status and is never
    scored. Run again after an interruption, it asks only what is missing.
    """
    params = load()
    asked = entry(params.answer.benchmarks, benchmark, "answer.benchmarks")
    way = harness.Way(run, asked.sampling.engine(), params.seed, asked.samples, raw=asked.template == "none")
    receipt = f"data/validated/ingested/benchmarks/{benchmark}.json"
    questions = jsonl.read_validated(f"data/ingested/benchmarks/{benchmark}.jsonl", receipt, Question)
    with connect(params.engines.tuned, model=run, purpose=f"answer {run} {benchmark}") as complete:
        found = harness.answers(complete, questions, way)
        jsonl.write(f"data/answered/{run}/{benchmark}.jsonl", found)


if __name__ == "__main__":
    main(answer)
