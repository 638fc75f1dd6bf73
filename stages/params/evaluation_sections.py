"""The sections that test models: predictions, scores, judges and the report."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from stages.core.completions import Sampling as EngineSampling
from stages.core.registry import JUDGES, PAPER_ARMS, unknown_name
from stages.params.field_types import (
    LARGEST,
    Artifact,
    Attempts,
    BenchmarkName,
    Count,
    Entry,
    FilePath,
    ModelName,
    Name,
    PredictedName,
    RunName,
    Sampling,
    Section,
    Unique,
    absent,
    check_names_differ,
)
from stages.params.training_sections import TESTED

JUDGE = ("engines.generator", "engines.judge.model", "evaluate.resamples")
"""What a stage that asks the judge reads beside its own section."""


Package = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""The name of an installed package."""


class PredictModel(Entry):
    """A model of `fetch` that is tested as it is."""

    needs: ClassVar[tuple[str, ...]] = TESTED
    benchmarks: Annotated[list[PredictedName], Field(min_length=1), Unique] | None = None
    """The benchmarks that it answers; left out, all of them."""


class PredictSettings(Section):
    """What all benchmarks share."""

    samples: Count | None = None
    template: Literal["chat", "none"] | None = None
    sampling: Sampling | None = None


class PredictBenchmark(Section):
    """How a benchmark is answered."""

    samples: Count
    """Answers to each question; more than 1 needs a temperature above 0."""
    template: Literal["chat", "none"]
    """chat: the model's own chat template. none: the text as it is, for base models and as lm-eval does by default."""
    sampling: Sampling
    runs: Annotated[list[RunName], Field(min_length=1), Unique] | None = None
    """The runs that answer it; left out, all of them."""

    @model_validator(mode="after")
    def _samples_differ(self) -> "PredictBenchmark":
        if self.samples > 1 and self.sampling.temperature == 0:
            raise ValueError(f"{self.samples} samples at temperature 0 are one; raise it, or set samples to 1")
        return self


class Predict(Section):
    """How benchmarks are answered, and which models of `fetch` answer them beside the runs of `train`."""

    models: dict[ModelName, PredictModel] = Field(default={})
    settings: PredictSettings = absent()
    benchmarks: dict[BenchmarkName, PredictBenchmark] = Field(default={})


class Sandbox(Section):
    """Limits of a generated program, which runs in bubblewrap or not at all."""

    seconds: Annotated[float, Field(ge=0.1, le=3600)]
    """Wall-clock time."""
    memory: Annotated[int, Field(ge=64, le=1 << 20)]
    """MiB of address space, and as much again of files."""
    processes: Annotated[int, Field(ge=1, le=4096)]
    """Threads at a time; it may start no other process."""
    output: Annotated[int, Field(ge=1, le=1 << 20)]
    """KiB that it may print."""
    packages: Annotated[list[Package], Unique] = Field(default=[])
    """Installed packages that it may import beyond the standard library."""


class Bertscore(Section):
    """The encoder of BERTScore."""

    model: FilePath | None
    """A Transformers folder, such as models/NAME of a model of `fetch`; null computes no BERTScore."""
    layer: Count
    """The layer whose hidden states are compared."""
    batch: Count
    """Answers compared together; no score depends on it."""


class Evaluate(Section):
    """How answers are scored."""

    resamples: Annotated[int, Field(ge=100, le=1_000_000)]
    """Bootstrap resamples for the interval of Cohen's kappa."""
    pass_at: Annotated[list[Count], Field(min_length=1), Unique]
    """The k of pass@k for HumanEval, each at most its samples."""
    sandbox: Sandbox
    bertscore: Bertscore = Bertscore(model=None, layer=1, batch=1)


def _registered_judge(reading: str) -> str:
    if reading not in JUDGES:
        raise ValueError(unknown_name("judge", reading, JUDGES))
    return reading


class JudgeRequests(Section):
    """How a judge is asked."""

    prompt: FilePath
    temperature: Annotated[float, Field(ge=0, le=5)]
    max_tokens: Count
    """The longest reply."""
    attempts: Attempts
    """Requests before an answer is unscored."""

    def sampling(self) -> EngineSampling:
        """The same values as engines take them."""
        return EngineSampling(self.temperature, top_p=1.0, top_k=0, max_tokens=self.max_tokens)


class Judge(JudgeRequests):
    """The judge of `evaluate`."""

    reading: Annotated[str, AfterValidator(_registered_judge)]
    """How verdicts are parsed: a name in JUDGES of stages/core/registry.py. none: no judge; what only a judge scores
    stays without a score, and engines.judge gets no request."""


class AgreementSettings(JudgeRequests):
    """The second judge."""

    reading: Annotated[str, AfterValidator(_registered_judge)]
    """How verdicts are parsed: a name in JUDGES of stages/core/registry.py."""


class VerdictSettings(JudgeRequests):
    """How a judge compares answers, or marks tasks."""

    reading: Literal["stated", "scores"]
    """stated: the last verdict in the text of the reply. scores: the calibrated probability of each verdict; the text,
    where an engine reports no scores."""


class CompareSettings(VerdictSettings):
    """What all comparisons share."""

    controls: Annotated[int, Field(ge=0, le=LARGEST)]
    """Questions on which an answer is replaced by that to another question, to test the judge."""


class RunComparison(Entry):
    """Two runs on one benchmark."""

    needs: ClassVar[tuple[str, ...]] = ("compare.settings", *JUDGE)
    benchmark: PredictedName
    baseline: RunName
    treatment: RunName
    sample: Count | None = None
    """Questions, drawn as under `ingest`; null for all."""


class ReferenceComparison(Entry):
    """A run against a file of outputs."""

    needs: ClassVar[tuple[str, ...]] = ("compare.settings", *JUDGE)
    benchmark: PredictedName
    outputs: FilePath
    """Objects of instruction, output and generator, as AlpacaEval's model_outputs.json."""
    treatment: RunName
    sample: Count | None = None
    """Questions, drawn as under `ingest`; null for all."""


class Compare(Section):
    """Pairwise comparisons of answers, in both orders."""

    settings: CompareSettings = absent()
    runs: dict[Name, RunComparison] = Field(default={})
    references: dict[Name, ReferenceComparison] = Field(default={})

    @model_validator(mode="after")
    def _names_differ(self) -> "Compare":
        return check_names_differ(self)


class JudgeTasksSettings(VerdictSettings):
    """What all task-by-task verdicts share."""

    lister: Literal["judge", "sentences"]
    """How tasks are listed. sentences: each sentence of the question is one. judge: by `list_prompt`."""
    list_prompt: FilePath
    controls: Annotated[int, Field(ge=0, le=LARGEST)]
    """Questions on which an answer is replaced by that to another question, to test the judge."""


class TaskVerdicts(Entry):
    """A run on one benchmark."""

    needs: ClassVar[tuple[str, ...]] = ("judge_tasks.settings", *JUDGE)
    benchmark: PredictedName
    run: RunName
    sample: Count | None = None
    """Questions, drawn as under `ingest`; null for all."""


class JudgeTasks(Section):
    """Which tasks of each question an answer completes."""

    settings: JudgeTasksSettings = absent()
    runs: dict[Name, TaskVerdicts] = Field(default={})


class SecondVerdicts(TaskVerdicts):
    """A run on one benchmark that `evaluate` had judged."""

    needs: ClassVar[tuple[str, ...]] = (
        "judge_agreement.settings", "engines.generator", "engines.reviewer.model", "evaluate.resamples",
    )  # fmt: skip


class JudgeAgreement(Section):
    """Scores of a second judge, and its agreement with the first (raw, Cohen's kappa)."""

    settings: AgreementSettings = absent()
    runs: dict[Name, SecondVerdicts] = Field(default={})


class CalibrateEntry(Entry):
    """Labels of people on answers to one benchmark, and what they say of the judge."""

    output_folder: ClassVar[str] = "labels"
    needs: ClassVar[tuple[str, ...]] = ("judge", "evaluate.resamples")
    benchmark: PredictedName
    labels: FilePath
    """The file that `seqit label NAME` writes, one label a row; keep it in git."""
    runs: Annotated[list[RunName], Field(min_length=1), Unique]
    """The runs whose answers are labelled and whose rates are corrected."""


class WinRateEntry(Entry):
    """AlpacaEval's win rates from annotations."""

    annotations: FilePath
    """data/compared/NAME.annotations.json, or a file of alpaca_eval's."""
    files: FilePath
    """The folder with df_gamed.csv and instruction_difficulty.csv from hub:tatsu-lab/alpaca_eval."""


def _paper_arm(arm: str) -> str:
    if arm not in PAPER_ARMS:
        raise ValueError(unknown_name("model of the paper", arm, PAPER_ARMS))
    return arm


PaperArm = Annotated[Name, AfterValidator(_paper_arm)]
"""A model of the paper's tables: a name in PAPER_ARMS of stages/core/registry.py."""


class Report(Section):
    """What the report compares; a part that is left out is not shown."""

    baseline: RunName | None = None
    """The run that others are compared with."""
    treatment: RunName | None = None
    """The run that is shown beside it."""
    before: Artifact | None = None
    """Rows without Seq-Instruct, shown beside those of `after`."""
    after: Artifact | None = None
    """Rows with Seq-Instruct."""
    matched: dict[RunName, RunName] = Field(default={})
    """Length-matched arms: a run and the one that it is compared with, trained on rows of equal length."""
    paper: dict[PaperArm, RunName] = Field(default={})
    """A model of the paper's tables (PAPER_ARMS in stages/core/registry.py) -> the run that stands for it on the page
    data/report/paper.html. Empty: `baseline` stands for alpaca-it, `treatment` for alpaca-sit, and other runs for the
    arms that what they read makes them."""
    margin: Annotated[float, Field(gt=0, lt=100)] | None = None
    """Percentage points of a scale: a difference that is certainly smaller counts as none (TOST)."""
    effect: Annotated[float, Field(gt=0, lt=100)] | None = None
    """Percentage points that one wants to detect: `plan` computes how many questions that needs."""
