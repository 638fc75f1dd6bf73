"""The sections that generate, read and publish data."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from stages.core.registry import CORPUS_FORMATS, unknown_name
from stages.params.field_types import (
    Artifact,
    CorpusLanguage,
    Count,
    Entry,
    FilePath,
    LanguageTag,
    Line,
    Name,
    Section,
    SetName,
    Share,
    Unique,
)

Subset = Literal["seen", "unseen", "all"]
"""seen: for training. unseen: not used in training."""


class GenerateEntry(Entry):
    """Sequences of tasks whose right answers are computed (stages/verified)."""

    seed: int
    count: Count
    tasks: Annotated[list[Annotated[int, Field(ge=1, le=20)]], Field(min_length=1), Unique]
    """Numbers of tasks that a sequence may have. They take turns: 600 rows of [1, 2, 3] are 200 of each."""
    structures: Annotated[list[Literal["independent", "dependent", "mixed"]], Field(min_length=1), Unique]
    """independent: all tasks are about the input. dependent: each is about the result of the one before."""
    languages: Annotated[list[Literal["en", "de", "es"]], Field(min_length=1), Unique]
    """Languages of the instructions."""
    types: Subset
    wordings: Subset
    layouts: Annotated[list[Literal["numbered", "lines"]], Field(min_length=1), Unique] = Field(
        default=["numbered", "lines"]
    )
    """numbered: answers as a numbered list. lines: one answer a line."""
    inputs: Literal["short", "long"] = "short"
    """short: a sentence, a list of 3 to 5. long: up to three sentences, a list of 7."""
    form: Literal["chain", "first", "split", "turns"] = "chain"
    """chain: all tasks in one instruction. first: the first task of each chain alone. split: a row a task. turns: a
    conversation, a turn a task. Entries that differ in form alone are the same sequences."""


class SourceFiles(Entry):
    """A file or folder, and which of its files are read; left out, README.md and the names of files decide."""

    source: FilePath
    """A path from the project's folder."""
    split: Line | None = None
    """validation, "train+test" or all."""
    config: Line | None = None
    files: Line | Annotated[list[Line], Field(min_length=1), Unique] | None = None
    """A glob or a list of them."""

    @property
    def choice(self) -> tuple[str, str, tuple[str, ...]]:
        """split, config, files; "" and () for what is left out."""
        files = (self.files,) if isinstance(self.files, str) else tuple(self.files or ())
        return self.split or "", self.config or "", files


def _registered(adapter: str) -> str:
    if adapter not in CORPUS_FORMATS:
        raise ValueError(unknown_name("adapter", adapter, CORPUS_FORMATS))
    return adapter


class Corpus(SourceFiles):
    """A corpus and the format of its rows."""

    output_folder: ClassVar[str] = "ingested"
    adapter: Annotated[str, AfterValidator(_registered)]
    """A name in CORPUS_FORMATS of stages/core/registry.py."""
    licence: Line
    language: CorpusLanguage
    """Rows in another language are set aside; multi keeps all."""
    sample: Count | None = None
    """Rows, drawn by their ids (a smaller sample is a subset of a larger one); null for all."""
    fields: dict[Line, Line] = Field(default={})
    """Field of ours -> field of the corpus, for adapter own."""


class Benchmark(SourceFiles):
    """A benchmark's own files."""

    needs: ClassVar[tuple[str, ...]] = ("wording",)
    benchmark: str
    """A name in BENCHMARKS of stages/core/registry.py."""
    licence: Line
    languages: Annotated[list[LanguageTag], Unique] = Field(default=[])
    """Those to read, for a benchmark that has several."""
    sample: Count | None = None
    """Questions, drawn by their ids; null for all."""
    first: Count | None = None
    """Only so many questions from the start of the file."""
    images: Literal["captions", "pixels"] | None = None
    """What questions about pictures show. captions: descriptions in place of the picture, for text models."""
    folder: FilePath | None = None
    """Where the pictures are."""

    @model_validator(mode="after")
    def _pictures_have_a_folder(self) -> "Benchmark":
        if (self.images == "pixels") != (self.folder is not None):
            raise ValueError("images: pixels needs the folder of the pictures, and nothing else takes one")
        return self


class Ingest(Section):
    """Corpora and benchmarks to read."""

    corpora: dict[Name, Corpus] = Field(default={})
    benchmarks: dict[Name, Benchmark] = Field(default={})

    @model_validator(mode="after")
    def _names_differ(self) -> "Ingest":
        if both := sorted(self.corpora.keys() & self.benchmarks.keys()):
            raise ValueError(f"a corpus and a benchmark are both named {both[0]!r}; rename one")
        return self


class Validate(Section):
    """When a validation fails."""

    max_quarantined: Share
    """Share of rows above which a stage fails instead of setting rows aside."""
    min_changed: Share | None = 0.05
    """Share of the rows that a round of rewriting asks about which must get a new instruction; null for none. Judged
    over 10 rows and more."""
    max_failed: Share | None = 0.33
    """Share of the rows that may have come to nothing in every round of rewriting so far, or that may have no response;
    null for all. Judged over 10 rows and more. A round that loses more of its rows, which have tasks of earlier rounds,
    is a warning at the end of `seqit run`."""
    max_same: Share | None = 0.98
    """Share of the chosen actions that may be one and the same, where a round allows several; null for all. Judged over
    30 rows and more."""

    @property
    def thresholds(self) -> dict[str, float | None]:
        """The parameters that the suites in schemas/ may name."""
        return {"min_changed": self.min_changed, "max_failed": self.max_failed, "max_same": self.max_same}


class PublishEntry(Entry):
    """A data set to publish."""

    reads: Artifact
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    """ORG/NAME on the Hub; null writes it to data/published/ only."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """MAJOR.MINOR.PATCH, a tag on the Hub."""
    form: Literal["rows", "grpo", "rlvr", "preference"] = "rows"
    """rows: instructions with their responses. grpo: prompts with verifiable rewards for TRL's GRPOTrainer. rlvr: the
    same for open-instruct. These two have those rows alone that have checks. preference: prompt, chosen and rejected
    response, as TRL reads them, of filtered/NAME.pairs."""
    changes_from: Annotated[str, Field(pattern=r"^(hub:[\w.-]+/[\w.-]+@[\w./-]+|path:.+)$")] | None = None
    """The version before, for a section of the card and of provenance.json that says which rows changed and why:
    hub:ORG/NAME@vVERSION, or path:FOLDER@sha256:HASH for a copy of data/published/NAME; null for no such section. DVC
    runs the stage again where this text changes, so it names contents that do not."""


class RepositoryEntry(Entry):
    """Published sets as configs of one repository."""

    configs: Annotated[list[SetName], Field(min_length=1), Unique]
    """Entries of `publish`; their names are those of the configs. The config `provenance` is made of them."""
    default: SetName
    """The config that is loaded where none is named."""
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    """ORG/NAME on the Hub; null writes it to data/repositories/ only."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """MAJOR.MINOR.PATCH, a tag on the Hub."""

    @model_validator(mode="after")
    def _default_is_a_config(self) -> "RepositoryEntry":
        if self.default not in self.configs:
            raise ValueError(f"default: {self.default} is none of its configs; add it, or name {self.configs[0]}")
        return self
