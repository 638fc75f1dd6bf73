"""An experiment of your own in place of params.yaml: one corpus, one generator, a data set on disk."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from stages.core import project
from stages.core.cli import main
from stages.experiments import corpus_sample, params_text, row_fields
from stages.experiments.corpus_sample import FILES
from stages.model_files.references import fetch_corpus
from stages.params import profiles
from stages.readers.source import Corpus

CORPUS = "A JSON, JSONL, CSV, TSV, Parquet or Arrow file, or a folder of them"
FROM = "In place of --corpus: a data set of the Hub, hub:ORG/NAME@REVISION"
FIELDS = "Ours=yours: instruction=question,input=context,response=answer; left out, guessed"
MODEL = "Its name on the server, or path:FOLDER; without both, the model of seqit"
LICENCE = "Of the corpus, as the Hub calls it: mit"


def new(
    name: Annotated[str, typer.Argument(help="The experiment and its corpus: mine")],
    corpus: Annotated[str, typer.Option(help=CORPUS)] = "",
    from_: Annotated[str, typer.Option("--from", help=FROM)] = "",
    files: Annotated[list[str] | None, typer.Option(help="Files of that data set, as names or globs")] = None,
    fields: Annotated[str, typer.Option(help=FIELDS)] = "",
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Rounds of rewriting")] = 2,
    server: Annotated[str, typer.Option(help="OpenAI-compatible server: http://HOST:PORT/v1")] = "",
    model: Annotated[str, typer.Option(help=MODEL)] = "",
    key_env: Annotated[str, typer.Option(help="Name of the environment variable that holds the API key")] = "",
    licence: Annotated[str, typer.Option("--licence", "--license", help=LICENCE)] = "unknown",
    language: Annotated[str, typer.Option(help="Of the corpus: en, de, … or multi; left out, guessed")] = "",
    sample: Annotated[int | None, typer.Option(min=1, help="So many rows, drawn at random; left out, all")] = None,
) -> str:
    """Write an experiment of your own: your corpus, your model, and nothing of the demonstration.

    It replaces params.yaml, whose contents are kept as params.yaml.before (or .before-2 and so on). Shows one row as it
    will be read. Nothing is sent to the model.
    """
    project.require_graph()
    generator = params_text.generator(server, model, key_env)
    source, hub = corpus_sample.source(name, corpus, from_, project.given_path)
    if hub:
        fetch_corpus(hub, list(files or FILES), Path(source))
    rows = list(islice(Corpus(source).rows(row_fields.columns(fields)), corpus_sample.EXAMPLE_ROWS))
    layout, spoken, example = corpus_sample.reading(iter(rows), fields, language, name)
    experiment = params_text.Experiment(
        name, source, hub, tuple(files or FILES), layout, licence, spoken, rounds, sample, generator
    )
    kept = profiles.put(params_text.text(experiment))
    print(params_text.summary(experiment, kept.name if kept else "", example))
    return corpus_sample.shortage(sample, rows)


if __name__ == "__main__":
    main(new)
