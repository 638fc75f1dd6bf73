"""Describes a published folder for programs: croissant.json, then the in-toto statement over all files."""

from collections.abc import Sequence
from pathlib import Path

from stages.core.artifacts import document, write_bytes
from stages.publishing.card import BIBTEX
from stages.publishing.croissant import CROISSANT, description
from stages.publishing.croissant_fields import Config
from stages.publishing.facts import Facts
from stages.publishing.resource_names import Resource
from stages.publishing.set_files import file_hashes
from stages.publishing.statement import STATEMENT, published, write_statement


def write(folder: Path, configs: Sequence[Config], inputs: Sequence[Resource], whole: Facts | None = None) -> None:
    """Write croissant.json and the statement of a data set; to be called when all its other files are there.

    configs: one or more; without `whole`, the facts of all together, the first names the set. inputs: the artifacts
    that its rows were read from. Raises UserError for a full disk.
    """
    hashes = {name: one for name, one in file_hashes(folder).items() if name not in (CROISSANT, STATEMENT)}
    write_bytes(folder / CROISSANT, document(description(configs, hashes, BIBTEX, whole)))
    write_statement(folder, published([one.facts for one in configs if one.facts is not whole], inputs))
