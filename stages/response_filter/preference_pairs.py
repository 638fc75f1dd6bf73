"""The rows of preference pairs: an accepted response, and one to the same prompt that was not accepted."""

from stages.core.records import Record

STAGE = "filter"
"""`Step.stage` of the step that a filter of responses adds; its replies are those that became no response."""


class PreferencePair(Record, frozen=True):
    """A row with an accepted response, and a response to the same prompt that was not accepted."""

    declined: str = ""
    """The text that was not accepted."""
    declined_reason: str = ""
    """Why, of `candidate_rows.REASONS`: check or judge."""
    declined_reply: str = ""
    """Key of its reply in the reply store; "" for the response that the row came with."""
