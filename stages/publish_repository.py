"""Several published data sets as configs of one repository -> data/repositories/<name>/, and the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer

from stages.core.atomic_write import replacing_folder
from stages.core.cli import entry_argument, main
from stages.core.project import revision
from stages.params import entry, load
from stages.publishing import hub
from stages.publishing.repository_files import RepositoryPublication, write_repository
from stages.publishing.signatures import sign_with_environment


def publish_repository(
    name: Annotated[str, entry_argument("An entry of `repositories` in params.yaml")],
) -> None:
    """Write published sets as configs of one repository to data/repositories/NAME/.

    The rows of each config, the origin of all as the config `provenance`, and a card; `datasets.load_dataset(
    "data/repositories/NAME", CONFIG)` reads it. If the entry names a `repository` and HF_TOKEN is set, the folder is
    then pushed to the Hugging Face Hub as `publish` does: one commit, and the tag v<version>.
    """
    chosen = entry(load().repositories, name, "repositories")
    publication = RepositoryPublication(name, chosen.version, chosen.default, chosen.configs, chosen.repository)
    with replacing_folder(folder := Path("data/repositories", name)) as written:
        write_repository(written, publication, Path("data/published"))
    if signed := sign_with_environment(folder):
        typer.echo(signed, err=True)
    typer.echo(hub.push(folder, chosen.repository, chosen.version, revision(), hub.REPOSITORY), err=True)


if __name__ == "__main__":
    main(publish_repository)
