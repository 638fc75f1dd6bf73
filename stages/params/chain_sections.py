"""Manual chains and the wording of their tasks."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from stages.core.errors import UserError
from stages.core.registry import CHAINS, unknown_name
from stages.params.field_types import (
    Artifact,
    Count,
    Entry,
    FilePath,
    LanguageTag,
    Line,
    Name,
    Section,
    Share,
    Text,
    Unique,
    check_names_differ,
)


def _registered(chain: str) -> str:
    if chain not in CHAINS:
        raise ValueError(unknown_name("chain", chain, CHAINS))
    return chain


ChainName = Annotated[str, AfterValidator(_registered)]
"""A name in the registry CHAINS (stages/core/registry.py)."""


class Chain(Section):
    """One link of a manual chain."""

    chain: ChainName
    prefix: Text | None = None
    """The text before the instruction, in place of that in `wording`."""
    languages: Annotated[list[LanguageTag], Field(min_length=1), Unique] | None = None
    share: Share | None = None
    """Share of the rows with an input that get a translated one."""
    labels: Annotated[list[Text], Field(min_length=2, max_length=2)] | None = None
    """Headings of the intermediate result and of the answer."""

    @model_validator(mode="after")
    def _settings_fit(self) -> "Chain":
        given = {field for field in ("languages", "share", "labels") if getattr(self, field) is not None}
        needed = set(CHAINS[self.chain].settings)
        if extra := sorted(given - needed - {"labels"}):
            users = " or ".join(name for name, entry in CHAINS.items() if extra[0] in entry.settings)
            raise ValueError(f"{extra[0]}: chain {self.chain} takes none, only {users} does; remove it")
        if missing := sorted(needed - given):
            raise ValueError(f"chain {self.chain} needs {' and '.join(missing)}; add what is missing")
        return self


class ChainWording(dict[str, str]):
    """Chain -> the text that asks for its intermediate task, before an instruction, in training and in tests.

    A chain that `wording` leaves out has the words of its registration, which are the paper's.
    """

    def __init__(self, texts: Any = ()) -> None:
        """texts: those of params.yaml."""
        super().__init__({name: chain.words for name, chain in CHAINS.items() if chain.words} | dict(texts))

    def __missing__(self, chain: str) -> str:
        """Raise UserError: only a chain or a benchmark in use needs its wording."""
        raise UserError(f"params.yaml: wording has no entry {chain!r}; add the text that asks for this task")


def _wording(texts: Any) -> ChainWording:
    return ChainWording(texts)


Wording = Annotated[dict[ChainName, Line], AfterValidator(_wording)]


class RuleChains(Entry):
    """Chains that need only the rows."""

    output_folder: ClassVar[str] = "augmented"
    output_parts: ClassVar[tuple[str, ...]] = ("", ".plain")
    needs: ClassVar[tuple[str, ...]] = ("wording",)
    reads: Artifact
    chains: Annotated[list[Chain], Field(min_length=1)]
    """In the order in which the tasks are done."""


class AlignedChains(RuleChains):
    """Chains that take translations from an aligned corpus."""

    parallel: Artifact
    """Aligned inputs."""


class CaptionChains(RuleChains):
    """Chains that take descriptions from captions."""

    captions: Artifact
    """Captions of the images that rows name."""


class ModelChains(RuleChains):
    """Chains whose intermediate results the generator writes, greedily."""

    needs: ClassVar[tuple[str, ...]] = ("wording", "engines.generator.model")
    prompts: FilePath
    """A folder with paraphrase.txt and translate.txt."""
    max_tokens: Count
    """The longest paraphrase or translation."""


class Augment(Section):
    """Manual chains, by what they need beside the rows."""

    rules: dict[Name, RuleChains] = Field(default={})
    aligned: dict[Name, AlignedChains] = Field(default={})
    captions: dict[Name, CaptionChains] = Field(default={})
    model: dict[Name, ModelChains] = Field(default={})

    @model_validator(mode="after")
    def _names_differ(self) -> "Augment":
        return check_names_differ(self)
