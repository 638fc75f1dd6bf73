"""A trained model with its card -> data/published_models/<name>/, and the Hugging Face Hub if it has a repository."""

from pathlib import Path
from typing import Annotated

import typer

from stages.core.atomic_write import replacing_folder
from stages.core.cli import entry_argument, main
from stages.core.project import revision
from stages.model_publishing.chosen_model import outputs_of, publication_of
from stages.model_publishing.model_folder import write_model
from stages.params import entry, load
from stages.publishing import hub
from stages.publishing.signatures import sign_with_environment


def publish_model(name: Annotated[str, entry_argument("An entry of `publish_models` in params.yaml")]) -> None:
    """Write a trained model with its card to data/published_models/NAME/, for `from_pretrained` of Transformers.

    Its chat template marks replies with `{% generation %}` and renders the same text as the trained one; its scores
    are in the card's metadata and, for leaderboards that the entry names, in .eval_results/. If the entry names a
    `repository` and HF_TOKEN is set, the folder is then pushed to the Hugging Face Hub as one commit with the tag
    v<version>, private where it is new. Publishing the same weights again changes nothing there; other weights under
    a version that exists are refused.
    """
    params = load()
    chosen = entry(params.publish_models, name, "publish_models")
    with replacing_folder(folder := Path("data/published_models", name)) as written:
        placed = write_model(written, publication_of(params, name), outputs_of(chosen))
    typer.echo(f"{folder}: weights of models/{chosen.run} by {placed}", err=True)
    if signed := sign_with_environment(folder):
        typer.echo(signed, err=True)
    typer.echo(hub.push(folder, chosen.repository, chosen.version, revision(), hub.MODEL), err=True)


if __name__ == "__main__":
    main(publish_model)
