"""The changes between two versions of a published set as data: rows by cause, and facts that differ."""

from typing import Literal

import msgspec

Kind = Literal[
    "source", "sources", "corpus", "reading", "decontamination", "validation", "selection", "lost", "stages", "policy",
    "seed", "prompt", "model", "sampling", "attempts", "request", "reply", "outcome", "output", "origin", "columns",
    "absent",
]  # fmt: skip
"""Why a row differs, in the order of origin."""
MEANINGS: dict[Kind, str] = {
    "source": "source row",
    "sources": "a source that only one version has:",
    "corpus": "name of the corpus",
    "reading": "how the source row is read (adapter or fields)",
    "decontamination": "decontamination",
    "validation": "validation",
    "selection": "selection of a sample",
    "lost": "a stage that could not use the row",
    "stages": "rounds or stages",
    "policy": "policy, or the actions that it allows",
    "seed": "seed",
    "prompt": "prompt file",
    "model": "model",
    "sampling": "sampling",
    "attempts": "number of replies to equal requests",
    "request": "a part of the request that rows do not record (order of worked examples, calibrated or not, address of "
    "the server; the seed where a set does not name it), or code",
    "reply": "other text of the reply to an equal request",
    "outcome": "what was made of equal replies (limits, code; their texts where a set has no hashes of them)",
    "output": "the output alone",
    "origin": "place, licence or language of the source row",
    "columns": "columns computed from the others (code)",
    "absent": "not known: no published file says which stage left the row out, or whether its source row is new",
}
"""What each kind is called; they are listed in this order."""
ORDER = {kind: number for number, kind in enumerate(MEANINGS)}


class Cause(msgspec.Struct, frozen=True, order=True):
    """Why rows differ: rows with equal causes are one group."""

    kind: Kind
    stage: str = ""
    """The stage whose step differs first, "" for none."""
    what: str = ""
    """Which prompt file, parameters, columns or source."""
    before: str = ""
    after: str = ""


class ChangedRows(msgspec.Struct, frozen=True):
    """Rows that differ for one cause."""

    change: Literal["changed", "added", "removed"]
    cause: Cause
    rows: int
    actions: int
    """How many of them have another action in the first step that differs; of changed ones, as the next two."""
    instructions: int
    """How many have another instruction."""
    outputs: int
    """How many have another output."""
    examples: list[str]
    """Ids of the first of them."""


class FactChange(msgspec.Struct, frozen=True):
    """A fact of provenance.json that differs."""

    fact: str
    before: str
    after: str


class RowChange(msgspec.Struct, frozen=True):
    """One row that differs."""

    change: Literal["changed", "added", "removed"]
    id: str
    """Of the newer version, if it is there."""
    id_before: str
    """Of the older version; "" where it is the same, or the row is new."""
    step: str
    """The first step that differs, as "rewrite 2"; "" for none."""
    cause: Cause
    also: list[Cause]
    """What else differs in the same step."""


class Changes(msgspec.Struct, frozen=True):
    """Two versions compared."""

    before: str
    """The older version: a number, or what its files are called where they name none."""
    after: str
    facts: list[FactChange]
    equal: int
    added: int
    removed: int
    changed: int
    groups: list[ChangedRows]
    """In the order of origin, larger ones first."""
