"""What sections of params.yaml are made of: names, artifacts, shares, counts, sampling."""

from collections import Counter
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from stages.messages import Sampling as EngineSampling

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
"""A name that is also a file name: small letters, digits, dot, dash, underscore."""
Artifact = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9_.-]*$")]
"""An artifact under data/, without its suffix: "rewritten/seed-1"."""
Share = Annotated[float, Field(ge=0, le=1)]
LARGEST = 2**31 - 1
"""No count is larger, and what computes with counts may hold them in 32 bits."""
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Relative = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A path; none of ours needs a line end, an escape sequence or a NUL."""


Language = Annotated[str, Field(pattern=r"^[A-Za-z]+(-[A-Za-z0-9]+)*$")]
"""A language as files and prompts name it: "de", "zh-CN"."""


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
