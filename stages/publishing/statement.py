"""The in-toto statement of a published folder: its files with their hashes, and what they were made of.

Statement: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Predicate: SLSA provenance,
https://slsa.dev/spec/v1.0/provenance. It holds no time, no commit, no host and no folder of the machine, so that equal
rows give equal bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from stages.core.artifacts import document, write_bytes
from stages.core.errors import UserError
from stages.core.records import canonical
from stages.publishing.facts import Facts, prompt_files
from stages.publishing.resource_names import Resource, digests, hub_address, model, uri
from stages.publishing.set_files import file_hashes

STATEMENT = "statement.intoto.json"
"""File of a published folder; it is no subject of itself."""
TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
SOURCE_ROWS = "seqit_source_rows_v1"
"""Digest of a source: SHA-256 over the `source_sha256` of its published rows in their order, one a line."""
PROMPT = "seqit_prompt_v1"
"""Digest of a prompt file: the first 16 hexadecimal digits of the SHA-256 of its text as canonical JSON."""


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="_type")
    subject: list[_Subject]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


class Making(msgspec.Struct, frozen=True):
    """How the files of a folder were made."""

    kind: str
    """What made them: "publish" or the name of another command."""
    parameters: Mapping[str, Any]
    """What decided the result: entries of params.yaml, the seed. No key, no host, no folder of the machine."""
    settings: Mapping[str, Any]
    """What else was set, such as how models drew tokens."""
    resources: Sequence[Resource]
    """Everything that the files were made of."""


def write_statement(folder: Path, making: Making) -> None:
    """Write the statement of a folder into it; to be called when all its other files are there.

    Raises UserError for a file that can't be read, and for a full disk.
    """
    write_bytes(folder / STATEMENT, statement(file_hashes(folder, leave_out=STATEMENT), making))


def statement(hashes: Mapping[str, str], making: Making) -> bytes:
    """The statement as JSON. hashes: path of each file -> SHA-256. Equal arguments give equal bytes."""
    release = _release()
    resources = {canonical(one): one for one in making.resources}
    return document({
        "_type": TYPE,
        "subject": [{"name": name, "digest": {"sha256": hashes[name]}} for name in sorted(hashes)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": uri("build", f"{making.kind}/v1"),
                "externalParameters": making.parameters, "internalParameters": making.settings,
                "resolvedDependencies": [resources[key] for key in sorted(resources)],
            },
            "runDetails": {"builder": {"id": uri("builder", release), "version": {"seqit": release}}},
        },
    })  # fmt: skip


def published(configs: Sequence[Facts], inputs: Iterable[Resource]) -> Making:
    """How a data set was made. configs: the facts of each configuration. inputs: the artifacts that were read."""
    settings = {"samplings": sorted({tuple(one[:2]) for facts in configs for one in facts.samplings})}
    resources = [resource for one in configs for resource in _resources(one)]
    return Making("publish", {"entries": [_entry(one) for one in configs]}, settings, [*inputs, *resources])


def subjects(data: bytes) -> dict[str, str]:
    """Path of each file that a statement names -> SHA-256. Raises UserError for bytes that are no such statement."""
    try:
        read = msgspec.json.decode(data, type=_Statement)
        named = {one.name: one.digest["sha256"] for one in read.subject}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        read, named = None, {}
    if read is None or read.type != TYPE or read.predicate_type != PREDICATE or len(named) != len(read.subject):
        raise UserError("is no in-toto statement with SLSA provenance of files with SHA-256")
    return named


def differences(stated: Mapping[str, str], hashes: Mapping[str, str]) -> list[tuple[str, str]]:
    """(path, what is other than stated) of files that were changed, removed or added, by path."""
    changed = [(name, "was changed") for name, hashed in stated.items() if hashes.get(name, hashed) != hashed]
    removed = [(name, "is missing") for name in stated.keys() - hashes.keys()]
    added = [(name, "was added") for name in hashes.keys() - stated.keys()]
    return sorted(changed + removed + added)


def _release() -> str:
    """seqit's version; "" where it runs without being installed."""
    try:
        return version("seqit")
    except PackageNotFoundError:
        return ""


def _entry(facts: Facts) -> dict[str, Any]:
    values = {
        "name": facts.name, "version": facts.version, "reads": facts.artifact, "form": facts.form or "rows",
        "split": facts.split,
        "repository": facts.repository or None, "seed": None if facts.seed is msgspec.UNSET else facts.seed,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


def _resources(facts: Facts) -> list[Resource]:
    sources = [_source(facts, *one) for one in facts.sources]
    prompts = [
        Resource(uri("prompt", f"{name}/{hashed}"), name, {PROMPT: hashed}) for name, hashed in prompt_files(facts)
    ]
    return [*sources, *map(model, facts.generators), *prompts]


def _source(facts: Facts, reference: str, licence: str, rows: int) -> Resource:
    hashed = (facts.sources_sha256 or {}).get(reference)
    return Resource(
        hub_address(reference, models=False) or uri("source", reference), reference,
        {**digests(reference), **({SOURCE_ROWS: hashed} if hashed else {})}, {"licence": licence, "rows": rows},
    )  # fmt: skip
