"""A model answers the benchmarks; the only stage that asks a model under test."""

from typing import Annotated

import typer

from stages import harness, jsonl
from stages.benchmarks.questions import Question
from stages.cli import main
from stages.engines import connect
from stages.params import load


def answer(
    run: Annotated[str, typer.Argument(help="An entry of answer.runs in params.yaml: a model under models/")],
) -> None:
    """Ask a model every question of every benchmark under `answer` in params.yaml.

    Reads data/ingested/benchmarks/ and the receipts, writes data/answered/RUN/BENCHMARK.jsonl: the answers to each
    question, in the same order. A request that failed or was refused keeps that status and is never scored. Run again
    after an interruption, or with another benchmark, it asks only what it has not asked before.
    """
    params = load()
    with connect(params.engines.tuned, model=run, purpose=f"answer {run}") as complete:
        for benchmark, asked in params.answer.benchmarks.items():
            way = harness.Way(run, asked.sampling.engine(), params.seed, asked.samples, raw=asked.template == "none")
            questions = jsonl.artifact(f"ingested/benchmarks/{benchmark}", Question)
            jsonl.write(f"data/answered/{run}/{benchmark}.jsonl", harness.answers(complete, questions, way))


if __name__ == "__main__":
    main(answer)
