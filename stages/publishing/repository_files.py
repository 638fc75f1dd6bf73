"""Writes a repository with several configs: their rows as Parquet, the origin of all as one config, card and facts."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from stages.core.artifacts import document, write_bytes
from stages.core.atomic_write import disk
from stages.publishing import card, croissant_fields, described, repository_card
from stages.publishing.croissant_fields import columns
from stages.publishing.facts import Facts
from stages.publishing.hub import PROVENANCE as FACTS
from stages.publishing.parquet import FOLDER, Written, write_tables
from stages.publishing.repository_configs import CONFIG, ID, PROVENANCE, Config, open_config, origin_schema
from stages.publishing.repository_facts import all_configs, repository_facts
from stages.publishing.resource_names import Resource, uri
from stages.publishing.row_hashes import ROW_HASHES


class RepositoryPublication(msgspec.Struct, frozen=True):
    """What is published in one repository."""

    name: str
    version: str
    default: str
    """The config that is loaded where none is named."""
    configs: Sequence[str]
    """Names of published sets."""
    repository: str | None = None
    """ORG/NAME on the Hub."""


def write_repository(folder: Path, publication: RepositoryPublication, published: Path) -> None:
    """Write every file of a repository below `folder`, which holds nothing yet.

    published: the folder with a published set for each config. The rows of a config are data/CONFIG/SPLIT.parquet, or
    several shards, with their origin in data/provenance/CONFIG/SPLIT.parquet. Memory holds one row group. Raises
    UserError where a set is not there, and for a full disk.
    """
    configs = [open_config(name, published / name) for name in publication.configs]
    own = {config.name: _own(folder, config) for config in configs}
    origin = _origin(folder, configs)
    every = {config.name: config.facts for config in configs}
    facts = repository_facts(
        publication.name, publication.version, publication.default, every, publication.repository
    )  # fmt: skip
    write_bytes(folder / FACTS, document(facts))
    write_bytes(folder / "README.md", repository_card.text(facts, configs, own, origin).encode())
    together = all_configs(facts.name, facts.version, every)
    if facts.licence == "other":
        write_bytes(folder / card.LICENCES, card.licences(together).encode())
    _describe(folder, configs, own, origin, together)


def _describe(
    folder: Path, configs: Sequence[Config], own: Mapping[str, Written], origin: Mapping[str, Written], together: Facts
) -> None:  # fmt: skip
    """Write croissant.json and the statement."""
    records = [
        croissant_fields.Config(one.name, own[one.name].files, columns(one.type, one.columns), one.facts)
        for one in configs
    ]
    kinds = {CONFIG: str} | {name: kind for one in configs for name, kind in columns(one.type).items()}
    names = origin_schema(configs).names
    records.append(
        croissant_fields.Config(
            PROVENANCE, [path for one in configs for path in origin[one.name].files],
            {name: kinds[name] for name in names}, together, (CONFIG, ID),
        )
    )  # fmt: skip
    inputs = [Resource(uri("published", one.name), one.name, {"rows_sha256": one.facts.rows_sha256}) for one in configs]
    described.write(folder, records, inputs, together)


def _own(folder: Path, config: Config) -> Written:
    """The rows of a config and their hashes."""
    config.check_rows()
    written = write_tables(folder, f"{FOLDER}/{config.name}/{config.facts.split}", config.tables(), config.schema)
    path = folder / FOLDER / config.name / ROW_HASHES
    with disk(path):
        shutil.copyfile(config.row_hashes, path)
    return written


def _origin(folder: Path, configs: Sequence[Config]) -> dict[str, Written]:
    """The origin of all rows, in files for each config."""
    schema = origin_schema(configs)
    return {
        config.name: write_tables(
            folder, f"{FOLDER}/{PROVENANCE}/{config.name}/{config.facts.split}", config.origin_tables(schema), schema
        )
        for config in configs
    }  # fmt: skip
