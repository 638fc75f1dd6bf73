"""The section that makes responses."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.field_types import (
    LARGEST,
    Artifact,
    Attempts,
    Count,
    Entry,
    Name,
    Sampling,
    Section,
    Unique,
    absent,
    check_names_differ,
)

UnchangedResponse = Literal["respond", "keep"]
"""Of a row whose instruction was not changed."""
BaselineResponse = Literal["respond", "corpus"]
"""To an original instruction."""
AnsweredRounds = Literal["every", "last"]
"""Rounds whose instructions get responses."""


class RespondSettings(Section):
    """How responses are requested, and which rows keep their own."""

    sampling: Sampling
    attempts: Attempts
    """Requests for a response that failed or was refused."""
    keep: Annotated[list[Literal["ok", "truncated"]], Field(min_length=1), Unique] = Field(default=["ok", "truncated"])
    """Statuses of responses that are kept; rows with others are rejected."""
    hold: UnchangedResponse = "respond"
    """Rows whose instruction was not changed. respond: requested, as the paper does. keep: they keep the corpus's own
    response, without a request."""
    round_0: BaselineResponse = "respond"
    """Responses to the original instructions. respond: requested, as the paper does. corpus: the corpus's own; only
    where it has none, one is requested."""


class CheckedResponses(Entry):
    """Rows whose response satisfies every check of the row."""

    output_folder: ClassVar[str] = "filtered"
    output_parts: ClassVar[tuple[str, ...]] = ("", ".pairs")
    needs: ClassVar[tuple[str, ...]] = ("respond.settings", "engines.generator.model")
    reads: Artifact
    """The responses of a round, responded/NAME/ROUND."""
    samples: Annotated[int, Field(ge=1, le=1000)]
    """Responses to a row at most, the one that it has among them; further ones are requested as `respond.settings`
    says. 1: none is requested."""
    choose: Literal["first", "best"] = "first"
    """first: the first accepted response, and no request after it. best: the best of `samples` responses, if it is
    accepted."""
    rows: Count | None = None
    """Rows to accept: those after them are rejected and not looked at; null for all."""
    budget: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    """Requests for further responses at most, failed ones apart; then rows are graded as they are. null for any
    number."""

    @property
    def round(self) -> int:
        """The round of the responses."""
        return int(self.reads.rpartition("/")[2])

    @model_validator(mode="after")
    def _reads_responses(self) -> "CheckedResponses":
        if not self.reads.startswith("responded/"):
            raise ValueError(f"{self.reads} has no responses of a round; name responded/CORPUS/ROUND")
        return self


class JudgedResponses(CheckedResponses):
    """Rows whose response the judge (`judge`, engines.judge) accepts."""

    needs: ClassVar[tuple[str, ...]] = (*CheckedResponses.needs, "judge", "engines.judge.model")
    min_quality: Annotated[float, Field(ge=1, le=5)] | None = None
    """The least mark, where the judge gives one; null for any. Every task must be carried out in any case."""


class ResponseFilter(Section):
    """Filters of responses, none by default: accepted rows, others asked again or rejected, and preference pairs."""

    checks: dict[Name, CheckedResponses] = Field(default={})
    judge: dict[Name, JudgedResponses] = Field(default={})

    @model_validator(mode="after")
    def _names_differ(self) -> "ResponseFilter":
        return check_names_differ(self)


class Respond(Section):
    """Responses to the instructions of every round of `rewrite.corpora`."""

    settings: RespondSettings = absent()
    filter: ResponseFilter = ResponseFilter()
