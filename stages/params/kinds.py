"""What sections of params.yaml are made of: names, artifacts, shares, counts, sampling."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stages.messages import Sampling as EngineSampling

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
