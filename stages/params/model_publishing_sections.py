"""The section that publishes trained models."""

from typing import Annotated, ClassVar

from pydantic import Field

from stages.params.field_types import Entry, Line, Name, PredictedName, Reference, Section
from stages.params.training_sections import TESTED

HubName = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$", max_length=200)]
"""ORG/NAME on the Hub."""


class Leaderboard(Section):
    """A benchmark of the Hub whose own questions an entry of `predict.benchmarks` asks."""

    dataset: HubName
    """The data set that has the leaderboard."""
    task: Line
    """The id of the task in its eval.yaml."""
    revision: Line | None = None
    """The commit of the data set that the questions are from."""
    measure: Line | None = None
    """The measure that the leaderboard shows; left out, the benchmark's main one."""


class PublishModelEntry(Entry):
    """A trained model to publish."""

    needs: ClassVar[tuple[str, ...]] = ("train.settings", *TESTED)
    run: Annotated[Name, Reference("trained")]
    dataset: Annotated[Name, Reference("published")]
    """The entry of `publish`, in form rows, that has the rows of the run."""
    repository: HubName | None = None
    """ORG/NAME on the Hub; null writes it to data/published_models/ only."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """MAJOR.MINOR.PATCH, a tag on the Hub."""
    base_licence: Line = "unknown"
    """The licence of the base model."""
    base_model: HubName | None = None
    """The base model on the Hub; left out, that of a `hub:` reference."""
    leaderboards: dict[PredictedName, Leaderboard] = Field(default={})
    """Scores for leaderboards of the Hub; no other benchmark becomes one there."""
