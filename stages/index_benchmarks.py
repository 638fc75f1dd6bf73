"""What models are tested with -> data/benchmark_index/<name>.jsonl, for training corpora to be held against."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from stages.core import artifacts
from stages.core.cli import entry_argument, report_losses, reports_errors, start
from stages.core.records import Record, user_text
from stages.decontamination.benchmark_index import distinct_texts
from stages.evaluation.benchmarks import compared_texts
from stages.evaluation.benchmarks.questions import Question
from stages.params import entry, load

HELP = "Gather what no training row should hold: the texts of a benchmark, without worked examples and choices."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.command()
@reports_errors
def benchmarks() -> None:
    """Write the distinct texts of every benchmark's questions with their items to data/benchmark_index/benchmarks/."""
    names = load().ingest.benchmarks
    texts = {name: compared_texts(artifacts.artifact(f"ingested/benchmarks/{name}", Question)) for name in names}
    paths = {name: f"data/benchmark_index/benchmarks/{name}.jsonl" for name in names}
    Path("data/benchmark_index/benchmarks").mkdir(parents=True, exist_ok=True)  # also where there is no benchmark
    lost: Counter[str] = Counter()
    counts = artifacts.write_split(paths, distinct_texts(texts, lost))
    report_losses(sum(counts.values()) + lost.total(), {"left out": lost}, unit="texts")


@app.command()
@reports_errors
def corpus(name: Annotated[str, entry_argument("An entry of `index_benchmarks` in params.yaml")]) -> None:
    """Write what the rows of a corpus ask to data/benchmark_index/NAME.jsonl: a benchmark is made from it."""
    chosen = entry(load().index_benchmarks, name, "index_benchmarks")
    texts = ((record.id, user_text(record)) for record in artifacts.artifact(chosen.reads, Record))
    lost: Counter[str] = Counter()
    counts = artifacts.write_split({name: f"data/benchmark_index/{name}.jsonl"}, distinct_texts({name: texts}, lost))
    report_losses(sum(counts.values()) + lost.total(), {"left out": lost}, unit="texts")


if __name__ == "__main__":
    start(app)
