"""The sections that make instructions, responses, chains and ablation sets."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.core.records import Action
from stages.params.chain_sections import Chain
from stages.params.field_types import (
    LARGEST,
    Artifact,
    Attempts,
    Count,
    Name,
    Once,
    Relative,
    Sampling,
    Section,
    Share,
    Stem,
    one_name_each,
)


class ExtractSettings(Section):
    """How parts are asked for."""

    sampling: Sampling
    attempts: Attempts
    prompt: Relative


class ExtractCorpus(Section):
    """Whose flat prompts are told apart."""

    reads: Artifact


class ExtractInputs(Section):
    """Instruction and input told apart in flat prompts."""

    settings: ExtractSettings
    corpora: dict[Name, ExtractCorpus]


class Gates(Section):
    """What a new instruction must satisfy."""

    max_words: Count
    max_growth: Annotated[float, Field(gt=1)]


class RewriteSettings(Section):
    """What all rounds share."""

    sampling: Sampling
    attempts: Attempts
    orders: Annotated[int, Field(ge=1, le=1000)]
    gates: Gates


class RewriteRound(Section):
    """One round of Seq-Instruct over one corpus."""

    corpus: Name
    round: Count
    reads: Artifact
    prompts: Relative
    policy: Literal["model", "calibrated", "uniform", "fixed"]
    actions: Annotated[list[Action], Field(min_length=1), Once]


class Rewrite(Section):
    """Seq-Instruct."""

    settings: RewriteSettings
    rounds: dict[Name, RewriteRound]


class RespondSettings(Section):
    """What all rounds share."""

    sampling: Sampling
    attempts: Attempts
    keep: Annotated[list[Literal["ok", "truncated"]], Field(min_length=1), Once]


class RespondRound(Section):
    """Responses to the instructions of one round."""

    corpus: Name
    round: Annotated[int, Field(ge=0)]
    reads: Artifact
    earlier: Artifact


class Respond(Section):
    """Responses."""

    settings: RespondSettings
    rounds: dict[Name, RespondRound]


class EvolveSettings(Section):
    """WizardLM's evolution."""

    rounds: Count
    sampling: Sampling
    respond: Sampling
    attempts: Attempts
    operations: Annotated[list[Stem], Field(min_length=1), Once]
    prompts: Relative


class EvolveCorpus(Section):
    """What is evolved."""

    reads: Artifact


class Evolve(Section):
    """The rival."""

    settings: EvolveSettings
    corpora: dict[Name, EvolveCorpus]


class ByRule(Section):
    """Chains that need nothing but the rows."""

    reads: Artifact
    chains: Annotated[list[Chain], Field(min_length=1)]


class Aligned(ByRule):
    """Chains that take translations from an aligned corpus."""

    parallel: Artifact


class Captioned(ByRule):
    """Chains that take descriptions from captions."""

    captions: Artifact


class ByModel(ByRule):
    """Chains whose intermediate results the generator writes."""

    prompts: Relative
    max_tokens: Count


class Augment(Section):
    """Manual chains, by what they need beside the rows."""

    rules: dict[Name, ByRule]
    aligned: dict[Name, Aligned]
    captions: dict[Name, Captioned]
    model: dict[Name, ByModel]

    @model_validator(mode="after")
    def _one_name_each(self) -> "Augment":
        return one_name_each(self)


class CountTokens(Section):
    """An artifact whose rows are measured in tokens."""

    reads: Artifact


class Budget(Section):
    """Data level: rows of `reads` until their tokens equal those of `like`."""

    reads: Artifact
    like: Artifact
    measure: Literal["output", "input", "both"]

    @property
    def sets(self) -> tuple[str, str]:
        """What is compared."""
        return (self.reads, self.like)

    @model_validator(mode="after")
    def _two_sets(self) -> "Budget":
        if self.reads == self.like:
            raise ValueError(f"reads and like are both {self.reads!r}; name two sets")
        return self


class Pairs(Budget):
    """Instance level: rows of both sets that pair off at equal length."""

    tolerance: Annotated[int, Field(ge=0, le=LARGEST)]


class Split(Section):
    """Task level: sequences taken apart by the generator."""

    reads: Artifact
    form: Literal["written", "marked"]
    prompt: Relative
    sampling: Sampling
    attempts: Attempts


class Mixture(Section):
    """Each source row once, from one of four rounds."""

    one: Artifact
    two: Artifact
    three: Artifact
    four: Artifact
    shares: Annotated[list[Share], Field(min_length=4, max_length=4)]

    @property
    def rounds(self) -> tuple[str, ...]:
        """What is mixed, in the order of the shares."""
        return (self.one, self.two, self.three, self.four)

    @model_validator(mode="after")
    def _whole(self) -> "Mixture":
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares add up to {sum(self.shares):g}, not to 1")
        return self


class Combination(Section):
    """Two sets as one."""

    first: Artifact
    second: Artifact
    sizes: Annotated[list[Count | None], Field(min_length=2, max_length=2)]

    @property
    def parts(self) -> tuple[str, str]:
        """What is combined, in the order of the sizes."""
        return (self.first, self.second)

    @model_validator(mode="after")
    def _two(self) -> "Combination":
        if self.first == self.second:
            raise ValueError(f"first and second are both {self.first}; name two sets")
        return self


class Sample(Section):
    """Ablation sets and mixtures."""

    budget: dict[Name, Budget]
    pairs: dict[Name, Pairs]
    mixture: dict[Name, Mixture]
    combination: dict[Name, Combination]

    @model_validator(mode="after")
    def _one_name_each(self) -> "Sample":
        return one_name_each(self)


class Format(Section):
    """What one training set is made of, and the folder of the pictures that its rows are about."""

    reads: Artifact
    pictures: Relative | None = None
