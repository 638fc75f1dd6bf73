"""A corpus or a benchmark as downloaded -> data/ingested/<name>.jsonl, what was rejected beside it."""

from typing import Annotated

import typer

from stages import benchmarks, corpora, jsonl, pictures
from stages.benchmarks.pictures import shown
from stages.benchmarks.selection import Tally, select
from stages.cli import door, entry_argument, start
from stages.params import entry, load

HELP = "Read what was downloaded: a corpus into records, a benchmark into questions."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, entry_argument("An entry of `ingest.corpora` or `ingest.benchmarks` in params.yaml")]


@app.command()
@door
def corpus(name: Name) -> None:
    """Read a corpus through its adapter into records with ids and sources.

    Writes data/ingested/NAME.jsonl, the rows that can't be used to NAME.rejected.jsonl with a reason each, and the
    counts to data/metrics/ingest/NAME.json. A row that lacks a field of its format stops it: nothing is written then.
    """
    params = load()
    found = entry(params.ingest.corpora, name, "ingest.corpora")
    origin = corpora.Origin(name, jsonl.origin(found.source), found.licence, found.language)
    rows = corpora.rows(found.source, jsonl.files(found.source))
    tally = corpora.Tally()
    records = corpora.read(found.adapter, rows, origin, found.fields)
    jsonl.write_split(outputs(name), tally.split(corpora.sample(records, found.sample, params.seed, tally)))
    jsonl.write_json(f"data/metrics/ingest/{name}.json", tally.metrics())


@app.command()
@door
def benchmark(name: Name) -> None:
    """Read a benchmark's own files into questions with what is needed to grade the answers.

    Writes data/ingested/benchmarks/NAME.jsonl, rows that are no question to NAME.rejected.jsonl, counts to
    data/metrics/ingest/NAME.json. A question about a picture names its file and hash, or has its captions instead.
    """
    params = load()
    found = entry(params.ingest.benchmarks, name, "ingest.benchmarks")
    kind, tally = entry(benchmarks.BENCHMARKS, found.benchmark, "ingest.benchmarks"), Tally()
    items = kind.read(jsonl.contents(found.source), found.languages, found.licence, params.wording.model_dump())
    chosen = select(items, found.sample, params.seed, found.first)
    questions = tally.split(shown(chosen, found.images, pictures.album(found.folder)))
    jsonl.write_split(outputs(f"benchmarks/{name}"), questions)
    jsonl.write_json(f"data/metrics/ingest/{name}.json", tally.metrics())


def outputs(name: str) -> dict[str, str]:
    """The two files that ingesting writes."""
    return {"kept": f"data/ingested/{name}.jsonl", "rejected": f"data/ingested/{name}.rejected.jsonl"}


if __name__ == "__main__":
    start(app)
