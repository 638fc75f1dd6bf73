"""Who answers: what decides a reply besides the prompt."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from stages.core import artifacts


class Identity(NamedTuple):
    """Two runs with equal identities may share replies."""

    model: str
    """The weights, with their revision or hash; also `Reply.model`, so it ends up in the records."""
    endpoint: str
    """How they are reached: a server's address, or the name of a local engine."""


class Reference(msgspec.Struct, frozen=True):
    """models/<name>/reference.json: where a model came from and which bytes it is."""

    reference: str
    identity: str


def reference_of(directory: Path) -> Reference | None:
    """What `directory` says of its model; None where there is no model."""
    path = directory / "reference.json"
    return artifacts.read_json(path, Reference) if path.is_file() else None
