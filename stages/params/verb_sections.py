"""The verbs that rounds added to instructions: which sets are compared, and what parses them."""

from typing import ClassVar

from pydantic import Field, model_validator

from stages.params.field_types import Artifact, Entry, ModelName, Name, Section, absent


class AddedVerbsEntry(Entry):
    """Two sets with the same rows, of which the second is a round later."""

    needs: ClassVar[tuple[str, ...]] = ("count_verbs.parser",)
    before: Artifact
    after: Artifact

    @model_validator(mode="after")
    def _sets_differ(self) -> "AddedVerbsEntry":
        if self.before == self.after:
            raise ValueError(f"before and after are both {self.before}; name the set of the round before")
        return self


class CountVerbs(Section):
    """The verbs and objects of what rounds added to instructions (paper, Figures 6 and 7)."""

    parser: ModelName = absent()
    """The model of `fetch` that parses English: a spaCy pipeline."""
    sets: dict[Name, AddedVerbsEntry] = Field(default={})
