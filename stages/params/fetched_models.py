"""Whether a model that lies here is the one that params.yaml names."""

from collections.abc import Mapping
from pathlib import Path

from stages.core import artifacts
from stages.core.errors import UserError


def check_fetched(directory: Path, references: Mapping[str, str]) -> None:
    """Raise UserError where `directory` holds a model that was fetched by another reference than its name has now.

    references: name -> reference, as under `fetch.models`. A folder without reference.json, or of another name, passes.
    """
    path, wanted = directory / artifacts.REFERENCE, references.get(directory.name)
    if wanted is None or not path.is_file():
        return
    if artifacts.read_json(path, dict[str, str]).get("reference") != wanted:
        # Neither is shown: an address that a user has just written may hold a secret.
        raise UserError(
            f"{directory}: was fetched before fetch.models.{directory.name} in params.yaml was changed; run "
            f"`dvc repro fetch_model@{directory.name}` first"
        )
