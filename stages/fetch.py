"""References of params.yaml, brought here: a model -> models/<name>/, a corpus of the Hub -> data/fetched/<name>/."""

from pathlib import Path
from typing import Annotated

import typer

from stages.core.cli import entry_argument, reports_errors, start
from stages.model_files.references import fetch_corpus, fetch_model
from stages.params import entry, load

HELP = "Bring here what a reference of params.yaml names: a model's directory, or the files of a corpus."
app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Name = Annotated[str, entry_argument("An entry of `fetch.models` or `fetch.corpora` in params.yaml")]


@app.command()
@reports_errors
def model(name: Name) -> None:
    """Turn a model reference into models/NAME/: weights, tokenizer, chat template and reference.json.

    A reference is package:IMPORT_NAME, hub:ORG/NAME@REVISION, path:DIRECTORY_OR_GGUF or endpoint:URL#MODEL. The folder
    appears whole or not at all; the same reference gives the same bytes.
    """
    model = entry(load().fetch.models, name, "fetch.models")
    fetch_model(model.reference, Path("models") / name)


@app.command()
@reports_errors
def corpus(name: Name) -> None:
    """Download the files of a Hugging Face dataset, at a pinned revision, into data/fetched/NAME/.

    Set HF_TOKEN for gated datasets and HF_ENDPOINT for a mirror.
    """
    corpus = entry(load().fetch.corpora, name, "fetch.corpora")
    fetch_corpus(corpus.reference, corpus.files, Path("data/fetched") / name)


if __name__ == "__main__":
    start(app)
