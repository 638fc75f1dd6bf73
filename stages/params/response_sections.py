"""The section that makes responses."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params.field_types import Attempts, Sampling, Section, Unique, absent

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


class Respond(Section):
    """Responses to the instructions of every round of `rewrite.corpora`."""

    settings: RespondSettings = absent()
