"""A corpus or a benchmark as downloaded -> data/ingested/<name>.jsonl, what was rejected beside it."""

from typing import Annotated

import typer

from stages.core import artifacts, image_files
from stages.core.cli import entry_argument, remark, report_losses, reports_errors, start, together
from stages.core.records import limited
from stages.corpora.ingest_statistics import IngestStats
from stages.corpora.read_records import Origin, header_columns, is_fault, read, sample
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.image_questions import NO_CAPTION, with_images
from stages.evaluation.benchmarks.sampling import QuestionStats, select_items
from stages.params import entry, load
from stages.readers.source import Choice, Corpus, Download

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, entry_argument("An entry of `ingest.corpora` or `ingest.benchmarks` in params.yaml")]


@app.command()
@reports_errors
def corpus(name: Name) -> str:
    """Read a corpus through its adapter into records with ids and sources.

    Writes data/ingested/NAME.jsonl, NAME.rejected.jsonl (a reason each) and data/metrics/ingest/NAME.json, or nothing.
    """
    spec = entry((params := load()).ingest.corpora, name, "ingest.corpora")
    files, stats, paths = Corpus(spec.source, Choice(*spec.choice)), IngestStats(), artifacts.outputs(name)
    origin = Origin(name, artifacts.origin(spec.source), spec.licence, spec.language)
    raws, limit = files.rows(header_columns(spec.adapter, spec.fields)), params.validation.max_quarantined
    records = limited(name, read(spec.adapter, raws, origin, spec.fields, stats), limit, is_fault)
    artifacts.write_split(paths, stats.split(sample(records, spec.sample, params.seed, stats)))
    artifacts.write_json(f"data/metrics/ingest/{name}.json", stats.metrics())
    remark(together(files.note, stats.repairs()))
    report_losses(stats.metrics()["read"], stats.losses(), see=paths["rejected"], name=name)
    return stats.shortage(spec.sample)


@app.command()
@reports_errors
def benchmark(name: Name) -> str:
    """Read a benchmark's own files into questions with what is needed to grade the answers.

    Writes data/ingested/benchmarks/NAME.jsonl, rows that are no question to NAME.rejected.jsonl, counts to
    data/metrics/ingest/NAME.json. A question about a picture names its file and hash, or has its captions instead.
    """
    spec, tally = entry((params := load()).ingest.benchmarks, name, "ingest.benchmarks"), QuestionStats()
    limit = params.validation.max_quarantined
    files = Download(spec.source, Choice(*spec.choice))
    items = BENCHMARKS[spec.benchmark].read(files, spec.languages, spec.licence, params.wording)
    chosen = select_items(limited(name, items, limit), spec.sample, params.seed, spec.first)
    questions = limited(
        name, with_images(chosen, spec.images, image_files.album(spec.folder)), limit, NO_CAPTION.__eq__
    )
    artifacts.write_split(paths := artifacts.outputs(f"benchmarks/{name}"), tally.split(questions))
    artifacts.write_json(f"data/metrics/ingest/{name}.json", tally.metrics())
    report_losses(tally.read, {"rejected": tally.rejected}, see=paths["rejected"], unit="questions", name=name)
    return tally.shortage(spec.sample, spec.first)


if __name__ == "__main__":
    start(app)
