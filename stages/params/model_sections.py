"""The sections that train models, have them answer, score the answers and publish."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stages.core.completions import Sampling as EngineSampling
from stages.core.registry import JUDGES, unknown_name
from stages.params.field_types import (
    LARGEST,
    Artifact,
    Attempts,
    Count,
    Name,
    Once,
    Regex,
    Relative,
    Sampling,
    Section,
    Share,
)


def _registered_judge(reading: str) -> str:
    if reading not in JUDGES:
        raise ValueError(unknown_name("judge", reading, JUDGES))
    return reading


Reading = Annotated[str, AfterValidator(_registered_judge)]


class TrainSettings(Section):
    """The recipe that all runs share."""

    template: Literal["own", "tulu", "alpaca"]
    epochs: Annotated[float, Field(gt=0)]
    batch: Count
    micro_batch: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    scheduler: Literal["linear", "cosine", "constant"]
    warmup_ratio: Share
    weight_decay: Annotated[float, Field(ge=0)]
    max_length: Count
    precision: Literal["float32", "bfloat16"]
    saves: Count
    threads: Count
    launcher: Literal["python", "accelerate", "render"]
    devices: Annotated[int, Field(ge=0, le=LARGEST)]
    packing: bool
    checkpointing: bool
    sharding: Literal["none", "fsdp"]
    unfrozen: list[Regex]


class TrainRun(Section):
    """One fine-tuning run; what it says of the recipe goes before `train.settings`."""

    model: Name
    set: Artifact
    template: Literal["own", "tulu", "alpaca"] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    unfrozen: list[Regex] | None = None


class Train(Section):
    """Fine-tuning."""

    environment: Relative | None = ".venv-train"
    settings: TrainSettings
    runs: dict[Name, TrainRun]


class Run(Section):
    """A model under test; its name says which. `benchmarks`: what it answers, None for all."""

    benchmarks: Annotated[list[Name], Field(min_length=1), Once] | None = None


class Answered(Section):
    """How a benchmark is answered. `runs`: by which runs, None for all."""

    sampling: Sampling
    samples: Count
    template: Literal["chat", "none"]
    runs: Annotated[list[Name], Field(min_length=1), Once] | None = None

    @model_validator(mode="after")
    def _drawn(self) -> "Answered":
        if self.samples > 1 and self.sampling.temperature == 0:
            raise ValueError(f"{self.samples} samples at temperature 0 are one; raise it, or set samples to 1")
        return self


class Predict(Section):
    """Who answers what."""

    runs: dict[Name, Run]
    benchmarks: dict[Name, Answered]

    def of(self, run: str) -> dict[str, Answered]:
        """What a run answers, in the order of `benchmarks`."""
        chosen = self.runs[run].benchmarks if run in self.runs else None
        return {
            name: asked for name, asked in self.benchmarks.items()
            if (chosen is None or name in chosen) and (asked.runs is None or run in asked.runs)
        }  # fmt: skip


class Sandbox(Section):
    """What a generated program may use."""

    seconds: Annotated[float, Field(ge=0.1, le=3600)]
    memory: Annotated[int, Field(ge=64, le=1 << 20)]
    processes: Annotated[int, Field(ge=1, le=4096)]
    output: Annotated[int, Field(ge=1, le=1 << 20)]
    packages: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]], Once] = Field([])


class Bertscore(Section):
    """The encoder of BERTScore; no model, no BERTScore."""

    model: Relative | None
    layer: Count
    batch: Count


class Evaluate(Section):
    """How answers are scored and summed up."""

    resamples: Annotated[int, Field(ge=100, le=1_000_000)]
    pass_at: Annotated[list[Count], Field(min_length=1), Once]
    sandbox: Sandbox
    bertscore: Bertscore


class Judge(Section):
    """How the judge is asked."""

    prompt: Relative
    temperature: Annotated[float, Field(ge=0, le=5)]
    max_tokens: Count
    attempts: Attempts
    reading: Reading = "stated"
    """A name of stages.core.registry.JUDGES."""


class Verdicts(Section):
    """How a judge is asked for verdicts of one kind, and how they are read."""

    prompt: Relative
    reading: Literal["stated", "scores"]
    temperature: Annotated[float, Field(ge=0, le=5)]
    max_tokens: Count
    attempts: Attempts

    def sampling(self) -> EngineSampling:
        """The same as the engines take it."""
        return EngineSampling(self.temperature, top_p=1.0, top_k=0, max_tokens=self.max_tokens)


class CompareSettings(Verdicts):
    """What all comparisons share."""

    controls: Annotated[int, Field(ge=0, le=LARGEST)]


class ComparedRuns(Section):
    """Two runs on one benchmark."""

    benchmark: Name
    baseline: Name
    treatment: Name
    sample: Count | None


class ComparedReference(Section):
    """A run against a file of outputs."""

    benchmark: Name
    outputs: Relative
    treatment: Name
    sample: Count | None


class Compare(Section):
    """Which answers are held against which."""

    settings: CompareSettings
    runs: dict[Name, ComparedRuns]
    references: dict[Name, ComparedReference]

    @model_validator(mode="after")
    def _one_name_each(self) -> "Compare":
        if both := sorted(self.runs.keys() & self.references.keys()):
            raise ValueError(f"two comparisons are named {both[0]!r}; rename one")
        return self


class JudgeTasksSettings(Verdicts):
    """What all marking shares."""

    lister: Literal["judge", "sentences"]
    list_prompt: Relative
    controls: Annotated[int, Field(ge=0, le=LARGEST)]


class ReviewSettings(Section):
    """How the second judge is asked, and how its verdicts are read."""

    prompt: Relative
    reading: Reading
    temperature: Annotated[float, Field(ge=0, le=5)]
    max_tokens: Count
    attempts: Attempts

    def sampling(self) -> EngineSampling:
        """The same as the engines take it."""
        return EngineSampling(self.temperature, top_p=1.0, top_k=0, max_tokens=self.max_tokens)


class JudgedRun(Section):
    """A run on one benchmark."""

    benchmark: Name
    run: Name
    sample: Count | None


class JudgeTasks(Section):
    """Whose answers are marked task by task."""

    settings: JudgeTasksSettings
    runs: dict[Name, JudgedRun]


class JudgeAgreement(Section):
    """Whose answers a second judge scores."""

    settings: ReviewSettings
    runs: dict[Name, JudgedRun]


class WinRate(Section):
    """Annotations as AlpacaEval has them, and the folder with alpaca_eval's two files."""

    annotations: Relative
    files: Relative


class Report(Section):
    """Which two runs are held against each other, and which two artifacts show what was done to the rows."""

    baseline: Name
    treatment: Name
    before: Artifact
    after: Artifact


class Published(Section):
    """A data set to publish."""

    reads: Artifact
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
