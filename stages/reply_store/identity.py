"""What identifies a model: its weights and how they are run."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from stages.core import artifacts


class Identity(NamedTuple):
    """Equal identities give equal replies, so their replies are stored together."""

    model: str
    """The weights, with their revision or hash; `Reply.model` and records have it too."""
    endpoint: str
    """The server's address, or the name of the local engine with its precision."""


class Reference(msgspec.Struct, frozen=True):
    """models/<name>/reference.json: where a model came from, and the identity of its weights."""

    reference: str
    identity: str


def reference_of(directory: Path) -> Reference | None:
    """The reference.json of a model's directory; None if there is none."""
    path = directory / "reference.json"
    return artifacts.read_json(path, Reference) if path.is_file() else None
