"""What sections of params.yaml are made of: names, artifacts, shares, counts, sampling."""

import re
from collections import Counter
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from stages.core import languages
from stages.core.completions import Sampling as EngineSampling

Item = TypeVar("Item")
LONGEST = 255
"""Bytes of a file's name, on any file system that matters."""
NAME_ERROR = "name"
"""The type of the error that `_addressable` raises."""
ADDRESSABLE = re.compile(r"[a-z0-9][a-z0-9_-]*")
PARTS = (".plain", ".turns", ".like")
"""What is added to an entry's name for a second set that its stage makes (augment, split, sample)."""


def _addressable(name: str) -> str:
    """A name as it is. Raises PydanticCustomError for one that DVC cannot address, with one that it can."""
    if ADDRESSABLE.fullmatch(name):
        return name
    other = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_") or "a1"
    raise PydanticCustomError(
        NAME_ERROR,
        "{name} is no name: only small letters, digits, - and _, since DVC takes a dot for a separator; write {other}",
        {"name": repr(name[:100]), "other": other[:100]},
    )


def _quoted(name: Any) -> Any:
    """A name as it is. Raises ValueError for what YAML reads as something else, whose entry DVC leaves out."""
    if isinstance(name, int | float | date | None):
        raise ValueError("YAML reads this name as a number, a date, true, false or null; put it in quotes")
    return name


Stem = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=100)]
"""A file's name without its suffix: small letters, digits, dot, dash, underscore."""
Name = Annotated[str, Field(max_length=100), BeforeValidator(_quoted), AfterValidator(_addressable)]
"""A name that is also a file name and that DVC addresses in stage@name and in paths of parameters: small letters,
digits, dash, underscore. Ours for parts and for files that are being written add up to 60 characters to it."""


def _artifact(artifact: str) -> str:
    """An artifact as it is. Raises ValueError where it is none."""
    folder, slash, name = artifact.partition("/")
    if not slash or not re.fullmatch("[a-z]+", folder):
        raise ValueError("is no artifact; write FOLDER/NAME as under data/, without suffix, such as responded/seed-0")
    _addressable(next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name))
    return artifact


Artifact = Annotated[str, Field(max_length=200), AfterValidator(_artifact)]
"""An artifact under data/, without its suffix: "rewritten/seed-1"."""
Share = Annotated[float, Field(ge=0, le=1)]
LARGEST = 2**31 - 1
"""No count is larger, and what computes with counts may hold them in 32 bits."""
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Attempts = Annotated[int, Field(ge=1, le=1000)]
"""Times one thing is asked; a request that never succeeds is to end some day."""


def _local(path: str) -> str:
    """A path as it is. Raises ValueError for an address, which DVC would open, and for a name that no disk takes."""
    if "://" in path:
        raise ValueError("is an address and no path; download it first, by an entry of fetch.corpora or by hand")
    if long := next((part for part in path.split("/") if len(part.encode()) > LONGEST), ""):
        raise ValueError(f"{long[:20]}… is longer than the {LONGEST} bytes that a file's name may have")
    return path


Relative = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_local)]
"""A path; none of ours needs a line end, an escape sequence or a NUL."""
Words = Annotated[str, Field(min_length=1, max_length=10_000)]
"""A text that is put into instructions and responses."""


def _one_line(text: str) -> str:
    if text.splitlines() != [text]:
        raise ValueError("holds a line end; write it on one line, in quotes and not after | or >")
    return text


Line = Annotated[Words, AfterValidator(_one_line)]
"""A text that stands in a stage's command, which DVC cuts at every line end."""
Language = Annotated[str, Field(pattern=r"^[A-Za-z]+(-[A-Za-z0-9]+)*$", max_length=100)]
"""A language as files name it: "de", "zh-CN"."""


def _known(language: str) -> str:
    if fault := languages.mistake(language):
        raise ValueError(fault)
    return language


def _reduced(language: str) -> str:
    return language if language == languages.MULTI else languages.base(_known(language))


Known = Annotated[Language, AfterValidator(_known)]
"""A language as models and rules know it too, by a tag of BCP 47."""
Spoken = Annotated[str, Field(max_length=100), AfterValidator(_reduced)]
"""A tag of BCP 47, reduced to its language ("zh" of "zh-CN", "en" of "EN"); or "multi"."""


def _compiled(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text[:60]!r} is no regular expression ({error})") from None
    return text


Regex = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_compiled)]
"""A regular expression."""


def _once(names: list[Item]) -> list[Item]:
    if len(set(names)) < len(names):
        raise ValueError("names one twice; remove it")
    return names


Once = AfterValidator(_once)
"""A list of things that each stand in it but once."""


class Section(BaseModel):
    """A part of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Parts = TypeVar("Parts", bound=Section)


def one_name_each(section: Parts) -> Parts:
    """A section of dictionaries whose entries are written to one folder. Raises ValueError for a name in two."""
    names = Counter(name for _, entries in section for name in entries)
    if both := sorted(name for name, times in names.items() if times > 1):
        raise ValueError(f"{both[0]!r} names two entries; rename one")
    return section


class Sampling(Section):
    """How the next token is drawn."""

    temperature: Annotated[float, Field(ge=0, le=5)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0, le=LARGEST)]
    max_tokens: Count

    def engine(self, stop: tuple[str, ...] = ()) -> EngineSampling:
        """The same as the engines take it."""
        return EngineSampling(**self.model_dump(), stop=stop)
