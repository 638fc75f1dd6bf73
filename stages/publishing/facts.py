"""The facts that a card states, counted from the rows."""

from typing import Any

import msgspec

from stages.publishing.changes.change_types import Changes


class Validation(msgspec.Struct, frozen=True):
    """What validation found in the artifact that the rows come from."""

    suite: str
    expectations: int
    """How many expectations were checked."""
    rows: int
    """Rows of the artifact."""
    quarantined: int
    """How many of them failed an expectation and are not published."""
    reasons: dict[str, int]
    """Expectation -> quarantined rows that failed it; a row may fail several."""


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
    steps: list[tuple[str, int, str, str, int]]
    """(stage, round, action, status, rows)."""
    prompts: list[tuple[str, str, str, int]]
    """(stage, action, hash of the prompt files, steps)."""
    samplings: list[tuple[str, str, int]]
    """(stage, sampling as JSON, steps)."""
    columns: list[str] = []
    """Names of the columns, in order; empty in sets that earlier versions published."""
    features: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    """Names and types of the columns, as in `dataset_info` of the card; no field in sets published before."""
    repository: str | msgspec.UnsetType = msgspec.UNSET
    """ORG/NAME on the Hub; else no field."""
    outputs: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    """Rows of a training set whose output is `generated` by a model, or the `source`'s own; those of either whose
    output is `empty`; and those whose output the token limit cut (`truncated`)."""
    validation: Validation | msgspec.UnsetType = msgspec.UNSET
    reasoning: bool | msgspec.UnsetType = msgspec.UNSET
    """True where rows have a column with the model's reasoning; else no field."""
    form: str | msgspec.UnsetType = msgspec.UNSET
    """The form of prompts with verifiable rewards, grpo or rlvr, or preference; else no field."""
    columns_sha256: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Column -> SHA-256 over its values as canonical JSON, one a line; no field in sets published before."""
    seed: int | msgspec.UnsetType = msgspec.UNSET
    """The seed of the experiment, from which the seed of every request is drawn."""
    changes: Changes | msgspec.UnsetType = msgspec.UNSET
    """What changed since an earlier version, where params.yaml names one."""
    sources_sha256: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Reference -> SHA-256 over the hashes of its published source rows in order, one a line; no field in sets
    published before."""


def prompt_files(facts: Facts) -> list[tuple[str, str]]:
    """(stage/action, hash) of each prompt file; of two that are joined by +, the first chose the action."""
    names = []
    for stage, action, joined, _ in facts.prompts:
        hashes = str(joined).split("+")
        names += [(f"{stage}/choose", hashed) for hashed in hashes[:-1]] + [(f"{stage}/{action}", hashes[-1])]
    return list(dict.fromkeys(names))
