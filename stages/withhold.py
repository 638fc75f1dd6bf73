"""What models are tested with -> data/withheld/<name>.jsonl, for training corpora to be held against."""

from collections.abc import Iterator
from typing import Annotated, TypeVar

import typer

from stages import jsonl, overlaps
from stages.benchmarks.asking import texts
from stages.benchmarks.questions import Question
from stages.cli import door, start
from stages.params import entry, load
from stages.records import Record, user_text

T = TypeVar("T")
HELP = "Gather what no training row should hold: the texts of a benchmark, without worked examples and choices."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.command()
@door
def benchmarks() -> None:
    """Write the distinct texts of every benchmark's questions, each with its item, to data/withheld/benchmarks/."""
    for name in load().ingest.benchmarks:
        questions = _rows(f"ingested/benchmarks/{name}", Question)
        pairs = ((question.item, text) for question in questions for text in texts(question))
        jsonl.write(f"data/withheld/benchmarks/{name}.jsonl", overlaps.withheld(pairs))


@app.command()
@door
def corpus(name: Annotated[str, typer.Argument(help="An entry of `withhold` in params.yaml")]) -> None:
    """Write what the rows of a corpus ask to data/withheld/NAME.jsonl: a benchmark is made from it."""
    chosen = entry(load().withhold, name, "withhold")
    pairs = ((record.id, user_text(record)) for record in _rows(chosen.reads, Record))
    jsonl.write(f"data/withheld/{name}.jsonl", overlaps.withheld(pairs))


def _rows(artifact: str, type: type[T]) -> Iterator[T]:
    return jsonl.read_validated(f"data/{artifact}.jsonl", f"data/validated/{artifact}.json", type)


if __name__ == "__main__":
    start(app)
