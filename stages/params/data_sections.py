"""The sections that make instructions, responses and ablation sets."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.core.records import Action
from stages.params.field_types import (
    LARGEST,
    Artifact,
    Attempts,
    Count,
    CountedArtifact,
    Entry,
    FilePath,
    Name,
    Sampling,
    Section,
    Share,
    Stem,
    Unique,
    absent,
    check_names_differ,
)
from stages.params.response_sections import AnsweredRounds, BaselineResponse, UnchangedResponse

GENERATOR = ("engines.generator.model",)
"""What a stage that asks the generator reads of `engines`."""


class ExtractInputsSettings(Section):
    """How the parts of flat prompts are requested."""

    sampling: Sampling
    attempts: Attempts
    """Requests for one row before it keeps its flat prompt."""
    prompt: FilePath


class ExtractInputsEntry(Entry):
    """A corpus of flat prompts."""

    output_folder: ClassVar[str] = "extracted"
    needs: ClassVar[tuple[str, ...]] = ("extract_inputs.settings", *GENERATOR)
    reads: Artifact


class ExtractInputs(Section):
    """Flat prompts separated into instruction and input."""

    settings: ExtractInputsSettings = absent()
    corpora: dict[Name, ExtractInputsEntry] = Field(default={})


Policy = Literal["model", "calibrated", "uniform", "fixed"]
ADDING: tuple[Action, ...] = ("decompose", "prefix", "suffix")
EVERY_ACTION: tuple[Action, ...] = (*ADDING, "hold")
Actions = Annotated[list[Action], Field(min_length=1), Unique]


class InstructionLimits(Section):
    """Limits of a new instruction."""

    max_words: Count
    """The longest new instruction, in words."""
    max_growth: Annotated[float, Field(gt=1)]
    """The longest new instruction, in multiples of the old one; never below 60 words."""


class RewriteSettings(Section):
    """What all corpora share."""

    sampling: Sampling
    attempts: Attempts
    """Requests for each step before it counts as unparsed or rejected."""
    orders: Annotated[int, Field(ge=1, le=1000)]
    """How many orders of the worked examples there are; few let engines share prefixes."""
    gates: InstructionLimits
    policy: Policy | None = None
    """That of corpora which name none."""
    actions: Actions | None = None
    """Those of corpora which name none."""
    constraint_share: Share | None = None
    """That of corpora which name none."""
    responses: AnsweredRounds | None = None
    """That of corpora which name none."""


class RewriteBenchmark(Entry):
    """The rounds of Seq-Instruct over a corpus that becomes a benchmark, without responses."""

    output_folder: ClassVar[str] = "rewritten"
    needs: ClassVar[tuple[str, ...]] = ("rewrite.settings", *GENERATOR)
    reads: Artifact
    """What the first round reads."""
    rounds: Annotated[int, Field(ge=1, le=100)]
    prompts: FilePath
    """A folder with choose.txt, decompose.txt, prefix.txt and suffix.txt."""
    policy: Policy = "uniform"
    """uniform: drawn from `actions`, for models of any size (SeqEval, paper 3). calibrated: the generator's choice,
    corrected for its bias towards a letter, for small models whose engine reports the scores of a choice, with
    prompts/small. model: the generator chooses, for large models (paper 2.2). fixed: the only one of `actions`."""
    actions: Actions | None = None
    """Left out: decompose, prefix and suffix under uniform, and hold too where the generator chooses."""
    later_actions: Actions | None = None
    """Those of the rounds after the first, where they differ."""
    constraint_share: Share = 0.0
    """Share of the rows in a round whose added task is a constraint that a rule can check, drawn without a request."""

    def actions_in(self, round: int) -> tuple[Action, ...]:
        """The actions that a round, counted from 1, allows."""
        actions = self.later_actions if round > 1 and self.later_actions else self.actions
        return tuple(actions or (ADDING if self.policy == "uniform" else EVERY_ACTION))

    def artifacts(self, name: str) -> list[str]:
        """One artifact for each round."""
        return [f"rewritten/{name}/{round}" for round in range(1, self.rounds + 1)]

    def versions(self, name: str) -> list[str]:
        """The artifacts with the instructions before the first round and after each round."""
        return [self.reads, *RewriteBenchmark.artifacts(self, name)]


class RewriteCorpus(RewriteBenchmark):
    """The rounds of Seq-Instruct over a training corpus, with responses before and after each round, or to the last."""

    needs: ClassVar[tuple[str, ...]] = (*RewriteBenchmark.needs, "respond.settings")
    hold: UnchangedResponse | None = None
    """As in `respond.settings`, for this corpus."""
    round_0: BaselineResponse | None = None
    """As in `respond.settings`, for this corpus."""
    responses: AnsweredRounds = "every"
    """every: the original instructions (round 0) and those of each round get responses, as the paper's comparisons of
    rounds need. last: only those of the last round, for a set that is published or trained on alone; its rows are the
    same as under every."""

    @property
    def answered(self) -> range:
        """The numbers of the rounds whose instructions get responses; round 0 has the original instructions."""
        return range(self.rounds if self.responses == "last" else 0, self.rounds + 1)

    def artifacts(self, name: str) -> list[str]:
        """Those of the rounds, and of the responses to them."""
        return [*super().artifacts(name), *(f"responded/{name}/{round}" for round in self.answered)]


class Rewrite(Section):
    """Seq-Instruct."""

    settings: RewriteSettings = absent()
    corpora: dict[Name, RewriteCorpus] = Field(default={})
    benchmarks: dict[Name, RewriteBenchmark] = Field(default={})

    @property
    def entries(self) -> dict[str, RewriteBenchmark]:
        """Name -> every corpus that is rewritten."""
        return {**self.corpora, **self.benchmarks}

    @model_validator(mode="after")
    def _names_differ(self) -> "Rewrite":
        return check_names_differ(self)


class EvolveSettings(Section):
    """WizardLM's evolution."""

    rounds: Annotated[int, Field(ge=1, le=100)]
    sampling: Sampling
    """Of the new instruction."""
    respond: Sampling
    """Of the response to it."""
    attempts: Attempts
    operations: Annotated[list[Stem], Field(min_length=1), Unique]
    """Drawn uniformly for each row and round; files of `prompts`."""
    prompts: FilePath
    """A folder with one file for each operation."""


class EvolveEntry(Entry):
    """A corpus to evolve."""

    output_folder: ClassVar[str] = "evolved"
    needs: ClassVar[tuple[str, ...]] = ("evolve.settings", *GENERATOR)
    reads: Artifact


class Evolve(Section):
    """WizardLM's evolution of the same corpora, for comparison."""

    settings: EvolveSettings = absent()
    corpora: dict[Name, EvolveEntry] = Field(default={})


class CountTokensEntry(Entry):
    """An artifact whose rows are counted in tokens."""

    reads: Artifact


class SplitEntry(Entry):
    """Task level: the generator separates sequences into single tasks."""

    output_folder: ClassVar[str] = "split"
    output_parts: ClassVar[tuple[str, ...]] = ("", ".turns")
    needs: ClassVar[tuple[str, ...]] = GENERATOR
    reads: Artifact
    form: Literal["written", "marked"]
    """written: the generator writes the tasks out. marked: it names the sentence that each begins with."""
    prompt: FilePath
    sampling: Sampling
    attempts: Attempts
    """Requests before a row stays whole."""


class BudgetSample(Entry):
    """Data level: rows of `reads` until their tokens equal those of `like`."""

    output_folder: ClassVar[str] = "sampled"
    reads: CountedArtifact
    like: CountedArtifact
    measure: Literal["output", "input", "both"]
    """The side whose tokens are compared."""

    @property
    def sets(self) -> tuple[str, str]:
        """The two sets that are compared."""
        return (self.reads, self.like)

    @model_validator(mode="after")
    def _sets_differ(self) -> "BudgetSample":
        if self.reads == self.like:
            raise ValueError(f"reads and like are both {self.reads!r}; name two sets")
        return self


class PairSample(BudgetSample):
    """Instance level: pairs of rows of both sets with equal length."""

    output_parts: ClassVar[tuple[str, ...]] = ("", ".like")
    tolerance: Annotated[int, Field(ge=0, le=LARGEST)]
    """Tokens by which a pair may differ."""


class MixtureSample(Entry):
    """Each source row once, from one of four rounds."""

    output_folder: ClassVar[str] = "sampled"
    one: Artifact
    two: Artifact
    three: Artifact
    four: Artifact
    shares: Annotated[list[Share], Field(min_length=4, max_length=4)]

    @property
    def rounds(self) -> tuple[str, ...]:
        """The four rounds in the order of the shares."""
        return (self.one, self.two, self.three, self.four)

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "MixtureSample":
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares add up to {sum(self.shares):g}, not to 1")
        return self


class CombinationSample(Entry):
    """Two sets as one."""

    output_folder: ClassVar[str] = "sampled"
    first: Artifact
    second: Artifact
    sizes: Annotated[list[Count | None], Field(min_length=2, max_length=2)] = Field(default=[None, None])
    """Rows of each, null for all; left out, all of both."""

    @property
    def sets(self) -> tuple[str, str]:
        """The two sets in the order of the sizes."""
        return (self.first, self.second)

    @model_validator(mode="after")
    def _sets_differ(self) -> "CombinationSample":
        if self.first == self.second:
            raise ValueError(f"first and second are both {self.first}; name two sets")
        return self


class Sample(Section):
    """Ablation sets and mixtures."""

    budget: dict[Name, BudgetSample] = Field(default={})
    pairs: dict[Name, PairSample] = Field(default={})
    mixture: dict[Name, MixtureSample] = Field(default={})
    combination: dict[Name, CombinationSample] = Field(default={})

    @model_validator(mode="after")
    def _names_differ(self) -> "Sample":
        return check_names_differ(self)
