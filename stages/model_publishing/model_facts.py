"""The facts that a model's card states, written beside it as provenance.json."""

from typing import Any, Literal

import msgspec


class Score(msgspec.Struct, frozen=True):
    """One measure of a run on a benchmark, with its 95% interval."""

    benchmark: str
    """The entry of `ingest.benchmarks`."""
    kind: str
    """The benchmark that it names, as in stages.evaluation.benchmarks."""
    measure: str
    value: float
    low: float
    high: float
    n: int
    """Answers that it is the mean of."""
    unit: Literal["percent", "marks"]
    """percent: of answers, or of their tasks. marks: a judge's, from 1 to 5."""


class BenchmarkSetup(msgspec.Struct, frozen=True):
    """How a run was asked the questions of a benchmark."""

    kind: str
    source: str
    """Where the questions are from, as params.yaml names it."""
    answers: int
    statuses: dict[str, int]
    """How the replies ended: "ok", "truncated" and others."""
    template: str
    samples: int
    sampling: dict[str, Any]
    judge: str | msgspec.UnsetType = msgspec.UNSET
    """The identity of the model that scored the answers; no field where a rule did."""


class Base(msgspec.Struct, frozen=True):
    """The model that was trained further."""

    reference: str
    identity: str
    """Of its exact contents."""
    licence: str
    repository: str | msgspec.UnsetType = msgspec.UNSET
    """ORG/NAME on the Hub, where that is known."""


class TrainedOn(msgspec.Struct, frozen=True):
    """The published data set that holds the rows of the run."""

    name: str
    version: str
    artifact: str
    rows: int
    rows_sha256: str
    licence: str
    generators: list[str]
    """Models that wrote parts of the rows."""
    repository: str | msgspec.UnsetType = msgspec.UNSET
    """ORG/NAME on the Hub, with the tag v<version>; no field for a set that is not there."""


class Template(msgspec.Struct, frozen=True):
    """The chat template as it is published."""

    trained: str
    """The file with the template that the model was trained with."""
    published: str
    marks_replies: bool
    """Whether the published template marks replies with `{% generation %}`."""


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a published model."""

    name: str
    version: str
    run: str
    weights_sha256: str
    """SHA-256 of the weight file; of several, of the canonical JSON list of theirs."""
    files: dict[str, str]
    """Path -> SHA-256 of every file but this one and the card."""
    base: Base
    dataset: TrainedOn
    licence: str
    cautions: list[str]
    languages: list[str]
    """Of the rows, most frequent first."""
    seed: int
    recipe: dict[str, Any]
    """Every setting of the run, as params.yaml names them."""
    training: dict[str, Any]
    """Rows, tokens, steps and losses, as data/metrics/train has them."""
    template: Template
    setups: dict[str, BenchmarkSetup]
    """Benchmark -> how it was asked."""
    scores: list[Score]
    outputs: dict[str, str]
    """Path -> MD5 of every output of the pipeline that this was made of, as dvc.lock records them."""
    repository: str | msgspec.UnsetType = msgspec.UNSET
    """ORG/NAME on the Hub; else no field."""
    images: bool | msgspec.UnsetType = msgspec.UNSET
    """True for a model that takes images; else no field."""
