"""The sections that say where models, corpora and benchmarks come from."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from stages.core.redaction import secret_in_url
from stages.core.registry import CORPUS_FORMATS, unknown_name
from stages.params.field_types import LARGEST, Count, Known, Line, Name, Once, Relative, Section, Share, Spoken

MOVING = ("", "main", "master", "head")
"""Revisions that are another one tomorrow."""


def _pinned(reference: str) -> str:
    """A reference of the Hub names a commit or tag: else next year's run reads other data under the same name."""
    repository, _, revision = reference.partition("@")
    if reference.startswith("hub:") and revision.lower() in MOVING:
        raise ValueError(
            f"{reference} is not pinned; write {repository}@COMMIT, with the commit that `git ls-remote "
            f"https://huggingface.co/{repository[4:]} HEAD` prints (for data sets: huggingface.co/datasets/…)"
        )
    return reference


def _without_secret(reference: str) -> str:
    """An address that anybody may read: it is hashed, stored and published."""
    if "://" in reference and (what := secret_in_url(reference)):
        raise ValueError(f"{what} may be a secret; leave it out, and name the variable of the key in `key_env`")
    return reference


class Model(Section):
    """A model to fetch."""

    reference: Annotated[str, Field(pattern=r"^(package|hub|path|endpoint):.+$"), AfterValidator(_pinned),
                         AfterValidator(_without_secret)]  # fmt: skip


class HubCorpus(Section):
    """A corpus to download from the Hub."""

    reference: Annotated[str, Field(pattern=r"^hub:."), AfterValidator(_pinned)]
    files: Annotated[list[Line], Field(min_length=1), Once]


class Fetch(Section):
    """What is brought here before anything runs."""

    models: dict[Name, Model]
    corpora: dict[Name, HubCorpus]


class Price(Section):
    """What a provider asks for a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Speed(Section):
    """Tokens a second, read and written, all requests that are under way together."""

    input: Annotated[float, Field(gt=0)]
    output: Annotated[float, Field(gt=0)]


class Budget(Section):
    """What may be spent on a model at its endpoint, over all runs that share the reply store; None is no limit."""

    tokens: Count | None
    money: Annotated[float, Field(gt=0)] | None


class Cost(Section):
    """What asking a model costs and may cost; no reply depends on it, and no stage is run again when it changes."""

    price: Price | None
    speed: Speed | None
    budget: Budget | None

    @model_validator(mode="after")
    def _priced(self) -> "Cost":
        if self.budget and self.budget.money and not self.price:
            raise ValueError("a budget in money needs a price")
        return self


class Reasoning(Section):
    """What becomes of a model's reasoning, which is never part of its answer."""

    keep: bool = False
    """Whether rows hold it in a field of its own."""
    room: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    """Tokens more with which a prompt is asked once more whose reply held no answer; 0 for not again."""
    opened: bool = False
    """Whether the server's chat template opens the reasoning, so that a reply without a closing mark has no answer."""


class Engine(Section):
    """How a model is reached; `model` is None where the run names it.

    `price`, `speed` and `budget` stand under `costs` in params.yaml, apart from what replies depend on.
    """

    engine: str
    options: dict[str, Any]
    model: Name | None = None
    reasoning: Reasoning = Reasoning()
    price: Price | None = None
    speed: Speed | None = None
    budget: Budget | None = None
    _references: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def references(self) -> dict[str, str]:
        """Name of a model -> its reference under `fetch.models`; empty for an engine of no params.yaml."""
        return self._references


class Engines(Section):
    """The models by the part they play."""

    generator: Engine
    judge: Engine
    reviewer: Engine
    tuned: Engine


class Costs(Section):
    """What asking costs, by the part that a model plays."""

    generator: Cost
    judge: Cost
    reviewer: Cost
    tuned: Cost


class Files(Section):
    """A source outside, and which of its files are read where it is a folder; left out, its own names say so."""

    source: Relative
    split: Line | None = None
    config: Line | None = None
    files: Line | Annotated[list[Line], Field(min_length=1), Once] | None = None

    @property
    def choice(self) -> tuple[str, str, tuple[str, ...]]:
        """split, config, files; "" and () for what is left out."""
        files = (self.files,) if isinstance(self.files, str) else tuple(self.files or ())
        return self.split or "", self.config or "", files


def _registered(adapter: str) -> str:
    if adapter not in CORPUS_FORMATS:
        raise ValueError(unknown_name("adapter", adapter, CORPUS_FORMATS))
    return adapter


class Corpus(Files):
    """A corpus and how its rows are read."""

    adapter: Annotated[str, AfterValidator(_registered)]
    licence: Line
    language: Spoken
    sample: Count | None
    fields: dict[Line, Line] = Field(default_factory=dict)


class Benchmark(Files):
    """A benchmark's own files."""

    benchmark: str
    licence: Line
    languages: Annotated[list[Known], Once]
    sample: Count | None
    first: Count | None = None
    images: Literal["captions", "pixels"] | None = None
    folder: Relative | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Benchmark":
        if (self.images == "pixels") != (self.folder is not None):
            raise ValueError("images: pixels needs the folder of the pictures, and nothing else takes one")
        return self


class Ingest(Section):
    """What is read from outside."""

    corpora: dict[Name, Corpus]
    benchmarks: dict[Name, Benchmark]

    @model_validator(mode="after")
    def _one_name_each(self) -> "Ingest":
        if both := sorted(self.corpora.keys() & self.benchmarks.keys()):
            raise ValueError(f"a corpus and a benchmark are both named {both[0]!r}; rename one")
        return self


class Validate(Section):
    """How much may be set aside."""

    max_quarantined: Share
