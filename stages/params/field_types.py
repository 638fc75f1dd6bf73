"""Types of fields in params.yaml: names, artifacts, shares, counts, paths, languages, sampling."""

import re
from collections import Counter
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from stages.core import languages
from stages.core.completions import Sampling as EngineSampling

Item = TypeVar("Item")
LONGEST_NAME = 255
"""Bytes in a file name on common file systems."""
NAME_ERROR = "name"
"""The type of the error that `_addressable` raises."""
ADDRESSABLE = re.compile(r"[a-z0-9][a-z0-9_-]*")
ROUND_FOLDERS = ("rewritten", "responded")
"""Folders under data/ whose artifacts have the number of their round after the corpus."""
PAIRS = ".pairs"
"""Suffix of an artifact of preference pairs, which only `publish` reads."""
PARTS = (".plain", ".turns", ".like", PAIRS)
"""Suffixes of the second artifact that a stage of augment, split, sample or respond.filter writes."""


class Reference(NamedTuple):
    """Metadata of a field whose value names something that another section defines."""

    kind: Literal["artifact", "counted", "model", "benchmark", "predicted", "run", "trained", "published"]
    """counted: an artifact under `count_tokens`. benchmark: an entry of `ingest.benchmarks`. predicted: of
    `predict.benchmarks`. run: of `train.runs` or `predict.models`. trained: of `train.runs`. published: of
    `publish`."""


def _addressable(name: str) -> str:
    """Return the name. Raises PydanticCustomError, with a legal name, for one that DVC cannot address."""
    if ADDRESSABLE.fullmatch(name):
        return name
    raise PydanticCustomError(
        NAME_ERROR,
        "{name} is no name: only small letters, digits, - and _, since DVC takes a dot for a separator; write {other}",
        {"name": repr(name[:100]), "other": addressable(name)[:100]},
    )


def addressable(name: str) -> str:
    """The most similar name that DVC can address."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_") or "a1"


def _text_name(name: Any) -> Any:
    """Return the name. Raises ValueError for a key that YAML does not read as text: DVC ignores such an entry."""
    if isinstance(name, int | float | date | None):
        raise ValueError("YAML reads this name as a number, a date, true, false or null; put it in quotes")
    return name


Stem = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=100)]
"""A file name without its suffix: small letters, digits, dot, dash, underscore."""
Name = Annotated[str, Field(max_length=100), BeforeValidator(_text_name), AfterValidator(_addressable)]
"""The name of an entry: a file name that DVC also accepts in stage@name and in parameter paths. Small letters, digits,
dash, underscore. Suffixes of artifacts and temporary files add up to 60 characters."""
ModelName = Annotated[Name, Reference("model")]
BenchmarkName = Annotated[Name, Reference("benchmark")]
PredictedName = Annotated[Name, Reference("predicted")]
RunName = Annotated[Name, Reference("run")]
SetName = Annotated[Name, Reference("published")]


def _artifact(artifact: str) -> str:
    """Return the artifact. Raises ValueError for a malformed one."""
    folder, slash, name = artifact.partition("/")
    if not slash or not re.fullmatch("[a-z]+", folder):
        raise ValueError("is no artifact; write FOLDER/NAME as under data/, without suffix, such as ingested/seed")
    name, _, number = name.partition("/")
    if (folder in ROUND_FOLDERS) != number.isdecimal():
        with_round = " or ".join(f"{folder}/NAME/ROUND" for folder in ROUND_FOLDERS)
        earlier = re.fullmatch(r"([^/]+)-([0-9]+)", artifact.partition("/")[2]) if folder in ROUND_FOLDERS else None
        meant = f"; did you mean {folder}/{earlier[1]}/{earlier[2]}?" if earlier else ""
        raise ValueError(f"is no artifact; write {with_round}, others FOLDER/NAME{meant}")
    _addressable(next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name))
    return artifact


Artifact = Annotated[str, Field(max_length=200), AfterValidator(_artifact), Reference("artifact")]
"""An artifact under data/, without its suffix: "ingested/seed", "rewritten/seed/1"."""
CountedArtifact = Annotated[Artifact, Reference("counted")]
"""An artifact that `count_tokens` counts."""
Share = Annotated[float, Field(ge=0, le=1)]
LARGEST = 2**31 - 1
"""The largest count: libraries store counts in 32 bits."""
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Attempts = Annotated[int, Field(ge=1, le=1000)]
"""How often one request is repeated; bounded, so that a request that never succeeds ends."""


def _local(path: str) -> str:
    """Return the path. Raises ValueError for a URL, which DVC would open, and for a file name that is too long."""
    if "://" in path:
        raise ValueError("is an address and no path; download it first, by an entry of fetch.corpora or by hand")
    if long := next((part for part in path.split("/") if len(part.encode()) > LONGEST_NAME), ""):
        raise ValueError(f"{long[:20]}… is longer than the {LONGEST_NAME} bytes that a file's name may have")
    return path


FilePath = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_local)]
"""A local path without control characters."""
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
"""A text that is inserted into instructions and responses."""


def _one_line(text: str) -> str:
    if text.splitlines() != [text]:
        raise ValueError("holds a line end; write it on one line, in quotes and not after | or >")
    return text


Line = Annotated[Text, AfterValidator(_one_line)]
"""A text of one line."""


def _language_tag(language: str) -> str:
    if fault := languages.mistake(language):
        raise ValueError(fault)
    return language


def _base_language(language: str) -> str:
    return language if language == languages.MULTI else languages.base(_language_tag(language))


LanguageTag = Annotated[
    str, Field(pattern=r"^[A-Za-z]+(-[A-Za-z0-9]+)*$", max_length=100), AfterValidator(_language_tag)
]
"""A language tag of BCP 47 as file names have it: "de", "zh-CN"."""
CorpusLanguage = Annotated[str, Field(max_length=100), AfterValidator(_base_language)]
"""A tag of BCP 47, reduced to its language ("zh" of "zh-CN", "en" of "EN"); or "multi"."""


def _compiled(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text[:60]!r} is no regular expression ({error})") from None
    return text


Regex = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_compiled)]
"""A regular expression of Python."""


def _unique(names: list[Item]) -> list[Item]:
    if len(set(names)) < len(names):
        raise ValueError("names one twice; remove it")
    return names


Unique = AfterValidator(_unique)
"""Refuses a list that has an item twice."""


class Section(BaseModel):
    """A part of params.yaml."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False,
        defer_build=True,  # most sections are parts of others, which need no validator of their own
    )  # fmt: skip


class Entry(Section):
    """A named entry of a section; each makes one stage of dvc.yaml."""

    output_folder: ClassVar[str] = ""
    """The folder under data/ that its stage writes artifacts to; "" for a stage that writes none."""
    output_parts: ClassVar[tuple[str, ...]] = ("",)
    """What follows the entry's name in the names of its artifacts."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Paths in params.yaml that its stage reads beside the entry, `seed`, `tokenizer` and `validate`."""

    def artifacts(self, name: str) -> list[str]:
        """The artifacts that the stage of the entry `name` writes, as FOLDER/NAME."""
        return [f"{self.output_folder}/{name}{part}" for part in self.output_parts] if self.output_folder else []


def absent() -> Any:
    """The default of a section's part that may be missing: None.

    Its type does not say so. `needs` of an entry names the parts that its stage reads, and `parse` refuses a file in
    which one of them is missing.
    """
    return Field(default=None)


Group = TypeVar("Group", bound=Section)


def check_names_differ(section: Group) -> Group:
    """Return a section whose groups of entries share one folder. Raises ValueError for a name that two groups have."""
    groups = [entries for _, entries in section if isinstance(entries, dict)]
    names = Counter(name for entries in groups for name in entries)
    if repeated := sorted(name for name, times in names.items() if times > 1):
        raise ValueError(f"{repeated[0]!r} names two entries; rename one")
    return section


class Sampling(Section):
    """How the next token is drawn."""

    temperature: Annotated[float, Field(ge=0, le=5)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0, le=LARGEST)]
    max_tokens: Count

    def engine(self, stop: tuple[str, ...] = ()) -> EngineSampling:
        """The same values as engines take them."""
        return EngineSampling(**self.model_dump(), stop=stop)
