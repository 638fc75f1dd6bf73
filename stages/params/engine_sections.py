"""The sections that name models, the engines that run them and what they cost."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from stages.core.redaction import secret_in_url
from stages.core.registry import ENGINES, unknown_name
from stages.params.field_types import LARGEST, Count, Entry, Line, ModelName, Name, Section, Unique, absent

MOVING = ("", "main", "master", "head")
"""Revisions that change with time."""
REPOSITORY, REVISION = r"hub:[\w.-]+/[\w.-]+", r"[\w./-]*"


def _pinned(reference: str, site: str = "https://huggingface.co/") -> str:
    """Return the reference. Raises ValueError for one of the Hub without a commit or tag, whose data may change.

    site: where repositories of this kind are.
    """
    repository, _, revision = reference.partition("@")
    if not reference.startswith("hub:"):
        return reference
    if not re.fullmatch(REPOSITORY, repository) or not re.fullmatch(REVISION, revision) or ".." in reference:
        raise ValueError(f"{reference} names no repository of the Hub; write hub:ORG/NAME@COMMIT")
    if revision.lower() in MOVING:
        raise ValueError(
            f"{reference} is not pinned; write {repository}@COMMIT, with the commit that `git ls-remote "
            f"{site}{repository[4:]} HEAD` prints"
        )
    return reference


def _pinned_corpus(reference: str) -> str:
    return _pinned(reference, "https://huggingface.co/datasets/")


def _without_secret(reference: str) -> str:
    """Return the reference. Raises ValueError for a secret in a URL: references are hashed, stored and published."""
    if "://" in reference and (secret := secret_in_url(reference)):
        raise ValueError(f"{secret} may be a secret; leave it out, and name the variable of the key in `key_env`")
    return reference


class Model(Entry):
    """A model to fetch."""

    reference: Annotated[
        str,
        Field(pattern=r"^(package|hub|path|endpoint):.+$"),
        AfterValidator(_pinned),
        AfterValidator(_without_secret),
    ]
    """package:NAME, a model in an installed Python package. hub:ORG/NAME@REVISION. path:FOLDER, a Transformers folder,
    or path:FILE.gguf. endpoint:http://HOST:PORT/v1#MODEL, an OpenAI-compatible server."""


class HubCorpus(Entry):
    """A corpus to download from the Hub."""

    reference: Annotated[str, Field(pattern=r"^hub:."), AfterValidator(_pinned_corpus)]
    files: Annotated[list[Line], Field(min_length=1), Unique]
    """Files or globs to download."""


class Fetch(Section):
    """Models and corpora to download."""

    models: dict[Name, Model] = Field(default={})
    corpora: dict[Name, HubCorpus] = Field(default={})


class Price(Section):
    """The price of a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Speed(Section):
    """Tokens a second, of all concurrent requests together."""

    input: Annotated[float, Field(gt=0)]
    output: Annotated[float, Field(gt=0)]


class Budget(Section):
    """The most that may be spent on a model at its endpoint, over all runs that share the reply store."""

    tokens: Count | None = None
    money: Annotated[float, Field(gt=0)] | None = None


class RoleCosts(Section):
    """The costs of one role. No output depends on them, and no request is sent again when they change."""

    price: Price | None = None
    speed: Speed | None = None
    budget: Budget | None = None

    @model_validator(mode="after")
    def _money_needs_a_price(self) -> "RoleCosts":
        if self.budget and self.budget.money and not self.price:
            raise ValueError("a budget in money needs a price")
        return self


class Reasoning(Section):
    """What becomes of a model's reasoning, which is never part of its answer."""

    keep: bool = False
    """Whether rows have it in a field of its own."""
    room: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    """Additional tokens for a second request, where a reply contained no answer; 0 for none."""
    opened: bool = False
    """Whether the server's chat template opens the reasoning, so that a reply without a closing mark has no answer."""


def _registered(engine: str) -> str:
    if engine not in ENGINES:
        raise ValueError(unknown_name("engine", engine, ENGINES))
    return engine


BATCH_PRICE = 0.5
"""What a request in a batch costs, as a share of its price, where the option `batch` names none."""
BATCH_HOURS = 24
"""Within how many hours a batch is answered, where the option `batch` names none."""


class Engine(Section):
    """How a model is reached; `model` is None where the run names it.

    `price`, `speed` and `budget` are under `costs` in params.yaml, apart from what replies depend on.
    """

    engine: Annotated[str, AfterValidator(_registered)]
    """A name in ENGINES of stages/core/registry.py."""
    options: dict[str, Any] = Field(default={})
    """What the engine takes, see docs/how-to/engines.md; for a plain server, none are needed."""
    model: ModelName | None = None
    reasoning: Reasoning = Reasoning()
    price: Price | None = None
    speed: Speed | None = None
    budget: Budget | None = None
    _references: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def references(self) -> dict[str, str]:
        """Name of a model -> its reference under `fetch.models`; empty for an engine that is not of a params.yaml."""
        return self._references

    @property
    def _batch(self) -> Any:
        return self.options.get("batch")

    @property
    def batch_hours(self) -> int:
        """Within how many hours a server answers a batch of requests (option `batch` of openai); 0 without batches."""
        hours = self._batch.get("hours", BATCH_HOURS) if isinstance(self._batch, dict) else 0
        return hours if isinstance(hours, int) else BATCH_HOURS

    @property
    def charged_price(self) -> Price | None:
        """The price of what is sent: a share of `price` where requests go in batches (option `batch` of openai)."""
        batch = self._batch
        share = batch.get("price", BATCH_PRICE) if isinstance(batch, dict) else 1.0
        if self.price is None or not isinstance(share, int | float):
            return self.price
        return self.price.model_copy(update={"input": self.price.input * share, "output": self.price.output * share})


class Engines(Section):
    """The models by role. A role that names no engine has the generator's engine, options and reasoning."""

    generator: Engine = absent()
    """Rewrites, responds, evolves, writes chains and splits."""
    judge: Engine = absent()
    """Scores and compares answers."""
    reviewer: Engine = absent()
    """The second judge."""
    tuned: Engine = absent()
    """The models under test; each run names its model."""


class Costs(Section):
    """Costs by role. A role that names no engine has the generator's costs, unless it has its own."""

    generator: RoleCosts = RoleCosts()
    judge: RoleCosts = RoleCosts()
    reviewer: RoleCosts = RoleCosts()
    tuned: RoleCosts = RoleCosts()
