"""params.yaml as types: no defaults in code, unknown keys refused, every mistake named by its path."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.errors import UserError
from stages.messages import Sampling as EngineSampling
from stages.records import Action

PARAMS = Path("params.yaml")

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
"""A name that is also a file name: small letters, digits, dot, dash, underscore."""
Artifact = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9_.-]*$")]
"""An artifact under data/, without its suffix: "rewritten/seed-1"."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Relative = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(Section):
    """How the next token is drawn."""

    temperature: Annotated[float, Field(ge=0, le=5)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0)]
    max_tokens: Count

    def engine(self, stop: tuple[str, ...] = ()) -> EngineSampling:
        """The same as the engines take it."""
        return EngineSampling(**self.model_dump(), stop=stop)


class Model(Section):
    """A model to fetch."""

    reference: Annotated[str, Field(pattern=r"^(package|hub|path|endpoint):.+$")]


class HubCorpus(Section):
    """A corpus to download from the Hub."""

    reference: Annotated[str, Field(pattern=r"^hub:[^@]+@.+$")]
    files: Annotated[list[str], Field(min_length=1)]


class Fetch(Section):
    """What is brought here before anything runs."""

    models: dict[Name, Model]
    corpora: dict[Name, HubCorpus]


class Engine(Section):
    """How a model is reached; `model` is None where the run names it."""

    engine: str
    options: dict[str, Any]
    model: Name | None = None


class Engines(Section):
    """The models by the part they play."""

    generator: Engine
    judge: Engine
    tuned: Engine


class Corpus(Section):
    """A corpus and how its rows are read."""

    adapter: str
    source: Relative
    licence: Annotated[str, Field(min_length=1)]
    language: Annotated[str, Field(min_length=2)]
    sample: Count | None
    fields: dict[str, str] = {}


class Benchmark(Section):
    """A benchmark's own files."""

    benchmark: str
    source: Relative
    licence: Annotated[str, Field(min_length=1)]
    languages: list[str]
    sample: Count | None
    options: dict[str, Any] = {}


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


class Gates(Section):
    """What a new instruction must satisfy."""

    max_words: Count
    max_growth: Annotated[float, Field(gt=1)]


class RewriteSettings(Section):
    """What all rounds share."""

    sampling: Sampling
    attempts: Count
    orders: Count
    gates: Gates


class RewriteRound(Section):
    """One round of Seq-Instruct over one corpus."""

    corpus: Name
    round: Count
    reads: Artifact
    prompts: Relative
    policy: Literal["model", "calibrated", "uniform", "fixed"]
    actions: Annotated[list[Action], Field(min_length=1)]


class Rewrite(Section):
    """Seq-Instruct."""

    settings: RewriteSettings
    rounds: dict[Name, RewriteRound]


class RespondSettings(Section):
    """What all rounds share."""

    sampling: Sampling
    attempts: Count
    keep: list[Literal["ok", "truncated"]]


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
    attempts: Count
    operations: Annotated[list[str], Field(min_length=1)]
    prompts: Relative


class EvolveCorpus(Section):
    """What is evolved."""

    reads: Artifact


class Evolve(Section):
    """The rival."""

    settings: EvolveSettings
    corpora: dict[Name, EvolveCorpus]


class Chain(Section):
    """One link of a manual chain; which fields a chain needs is said by stages.chains."""

    chain: str
    prefix: Annotated[str, Field(min_length=1)]
    languages: list[str] | None = None
    share: Share | None = None
    labels: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None


class Augment(Section):
    """Manual chains over one set of rows."""

    reads: Artifact
    parallel: Artifact
    chains: Annotated[list[Chain], Field(min_length=1)]


class Budget(Section):
    """Data level: rows of `reads` until their tokens equal those of `like`."""

    reads: Artifact
    like: Artifact
    measure: Literal["output", "input", "both"]


class Mixture(Section):
    """Each source row once, from one of four rounds."""

    one: Artifact
    two: Artifact
    three: Artifact
    four: Artifact
    shares: Annotated[list[Share], Field(min_length=4, max_length=4)]

    @model_validator(mode="after")
    def _whole(self) -> "Mixture":
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares add up to {sum(self.shares):g}, not to 1")
        return self


class Sample(Section):
    """Ablation sets and mixtures."""

    budget: dict[Name, Budget]
    mixture: dict[Name, Mixture]


class Assemble(Section):
    """What one training set is made of."""

    reads: Artifact


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
    devices: Annotated[int, Field(ge=0)]
    packing: bool
    checkpointing: bool
    sharding: Literal["none", "fsdp"]


class TrainRun(Section):
    """One fine-tuning run."""

    model: Name
    set: Artifact


class Train(Section):
    """Fine-tuning."""

    settings: TrainSettings
    runs: dict[Name, TrainRun]


class Run(Section):
    """A model under test; its name says which."""


class Answered(Section):
    """How a benchmark is answered."""

    sampling: Sampling


class Answer(Section):
    """Who answers what."""

    runs: dict[Name, Run]
    benchmarks: dict[Name, Answered]


class Evaluate(Section):
    """How scores are summed up."""

    resamples: Annotated[int, Field(ge=100)]


class Judge(Section):
    """How the judge is asked."""

    prompt: Relative
    temperature: Annotated[float, Field(ge=0, le=5)]
    max_tokens: Count
    attempts: Count


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


class Params(Section):
    """The whole of params.yaml."""

    seed: int
    tokenizer: Name
    fetch: Fetch
    engines: Engines
    ingest: Ingest
    validation: Annotated[Validate, Field(alias="validate")]
    rewrite: Rewrite
    respond: Respond
    evolve: Evolve
    augment: dict[Name, Augment]
    sample: Sample
    assemble: dict[Name, Assemble]
    train: Train
    answer: Answer
    evaluate: Evaluate
    judge: Judge
    report: Report
    publish: dict[Name, Published]

    @model_validator(mode="after")
    def _names_known(self) -> "Params":
        if both := sorted(self.fetch.models.keys() & self.train.runs.keys()):
            raise ValueError(f"a model of fetch and a run of train are both named {both[0]!r}; rename one")
        for where, name, known in self._references():
            if name not in known:
                raise ValueError(f"{where}: unknown {name!r}; known are {', '.join(sorted(known)) or 'none'}")
        return self

    def _references(self) -> list[tuple[str, str, set[str]]]:
        """Every place that names something defined elsewhere: (where, name, what is defined)."""
        models, runs = set(self.fetch.models), set(self.train.runs)
        made = self.artifacts()
        return [
            ("tokenizer", self.tokenizer, models),
            *((f"engines.{k}.model", e.model, models) for k, e in self._engines() if e.model is not None),
            *((f"train.runs.{k}.model", r.model, models) for k, r in self.train.runs.items()),
            *((f"answer.runs.{k}", k, models | runs) for k in self.answer.runs),
            *((f"answer.benchmarks.{k}", k, set(self.ingest.benchmarks)) for k in self.answer.benchmarks),
            ("report.baseline", self.report.baseline, set(self.answer.runs)),
            ("report.treatment", self.report.treatment, set(self.answer.runs)),
            ("report.before", self.report.before, made),
            ("report.after", self.report.after, made),
            *((where, artifact, made) for where, artifact in self._reads()),
        ]

    def _engines(self) -> list[tuple[str, Engine]]:
        return [("generator", self.engines.generator), ("judge", self.engines.judge), ("tuned", self.engines.tuned)]

    def artifacts(self) -> set[str]:
        """Every artifact that some stage makes, as "<folder>/<name>"."""
        return {
            *(f"ingested/{n}" for n in [*self.ingest.corpora, *self.ingest.benchmarks]),
            *(f"rewritten/{n}" for n in self.rewrite.rounds),
            *(f"responded/{n}" for n in self.respond.rounds),
            *(f"evolved/{n}" for n in self.evolve.corpora),
            *(f"augmented/{n}" for n in self.augment),
            *(f"sampled/{n}" for n in [*self.sample.budget, *self.sample.mixture]),
            *(f"assembled/{n}" for n in self.assemble),
        }

    def _reads(self) -> list[tuple[str, str]]:
        """Every (path in params.yaml, artifact) that a stage reads."""
        sections: list[tuple[str, dict[str, Any]]] = [
            ("rewrite.rounds", self.rewrite.rounds), ("respond.rounds", self.respond.rounds),
            ("evolve.corpora", self.evolve.corpora), ("augment", self.augment), ("sample.budget", self.sample.budget),
            ("sample.mixture", self.sample.mixture), ("assemble", self.assemble), ("train.runs", self.train.runs),
            ("publish", self.publish),
        ]  # fmt: skip
        fields = ("reads", "earlier", "parallel", "like", "one", "two", "three", "four", "set")
        return [
            (f"{section}.{name}.{field}", value)
            for section, entries in sections
            for name, entry in entries.items()
            for field in fields
            if (value := getattr(entry, field, None)) is not None
        ]


def load(path: str | Path = PARAMS) -> Params:
    """params.yaml as `Params`. Raises UserError with every mistake, each with its path in the file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # YAML 1.2: `dvc exp run -S train.settings.learning_rate=1e-5` writes 1e-05, which YAML 1.1 reads as text.
        values = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the top of the repository") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start})") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return parse(values, str(path))


def parse(values: Any, name: str = "params.yaml") -> Params:
    """Values as read from YAML as `Params`. Raises UserError naming every mistake by its path."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{name}: " + "; ".join(_mistake(e) for e in error.errors())) from None


def entry(entries: dict[str, Any], name: str, section: str) -> Any:
    """`entries[name]`. Raises UserError listing the known names."""
    if name not in entries:
        raise UserError(f"params.yaml: {section} has no entry {name!r}; known are {', '.join(entries) or 'none'}")
    return entries[name]


def _mistake(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key; remove it or check its spelling"
    given = "" if isinstance(error["input"], dict | list) else f" (given: {error['input']!r})"
    return f"{where}: {message}{given}" if where else message
