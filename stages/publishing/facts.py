"""The facts that a card states, counted from the rows."""

from collections.abc import Sequence

import msgspec


class Facts(msgspec.Struct, frozen=True):
    """What is known of a published data set; written beside it as provenance.json."""

    name: str
    version: str
    artifact: str
    """Where seqit made it: "responded/seed/2"."""
    split: str
    rows: int
    rows_sha256: str
    """SHA-256 over the rows as canonical JSON, one a line, in order: the same rows have the same hash, whatever wrote
    the Parquet file."""
    licence: str
    cautions: list[str]
    sources: list[tuple[str, str, int]]
    """(reference, licence, rows)."""
    languages: dict[str, int]
    generators: dict[str, int]
    """Identity -> steps that it made."""
    steps: list[Sequence[str | int]]
    """(stage, round, action, status, rows)."""
    prompts: list[Sequence[str | int]]
    """(stage, action, hash of the prompt files, steps)."""
    samplings: list[Sequence[str | int]]
    """(stage, sampling as JSON, steps)."""
    reasoning: bool | msgspec.UnsetType = msgspec.UNSET
    """True where rows have a column with the model's reasoning; else no field."""
    form: str | msgspec.UnsetType = msgspec.UNSET
    """The form of prompts with verifiable rewards, grpo or rlvr, or preference; else no field."""
