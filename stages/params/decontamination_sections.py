"""The sections that compare training corpora with benchmarks and with themselves."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.field_types import Artifact, Count, Entry, Name, Section, Unique, absent


class BenchmarkIndexEntry(Entry):
    """A corpus that a benchmark is made from."""

    reads: Artifact


class DecontaminateSettings(Section):
    """What counts as an overlap and as a near duplicate."""

    ngrams: Annotated[list[Count], Field(min_length=1), Unique]
    """Overlaps are reported for runs of these numbers of words; a Chinese or Thai character is half a word."""
    shortest: Count
    """A benchmark text that is too short for an n-gram is looked up as a whole from this number of words on."""
    shingle: Count
    """Rows are compared with each other by their runs of this number of words."""
    similarity: Annotated[float, Field(gt=0, le=1)]
    """The Jaccard similarity from which two rows are near duplicates."""
    apart_by_numbers: bool = False
    """true: rows that differ in their numbers are no near duplicates."""
    apart_by_slot: Annotated[int, Field(ge=0, le=1000)] = 0
    """Rows that differ in up to this number of words in one place are no near duplicates."""
    remove: list[Literal["overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"]] | None = None
    """For entries that name none."""
    ngram: Count | None = None
    """For entries that name none."""


class DecontaminateEntry(Entry):
    """A training corpus."""

    output_folder: ClassVar[str] = "decontaminated"
    needs: ClassVar[tuple[str, ...]] = ("decontaminate.settings",)
    reads: Artifact
    remove: Annotated[list[Literal["overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"]], Unique]
    """Rows to remove. overlap-exact: a text of a benchmark. overlap-ngram: shares `ngram` words or more with one.
    duplicate: an earlier row has the same instruction. []: only report."""
    ngram: Count
    """One of `settings.ngrams`."""


class Decontaminate(Section):
    """Overlaps of training corpora with benchmarks, and duplicates."""

    settings: DecontaminateSettings = absent()
    corpora: dict[Name, DecontaminateEntry] = Field(default={})

    @model_validator(mode="after")
    def _ngrams_counted(self) -> "Decontaminate":
        for name, corpus in self.corpora.items():
            if self.settings and corpus.ngram not in self.settings.ngrams:
                known = ", ".join(map(str, self.settings.ngrams))
                raise ValueError(f"corpora.{name}.ngram is {corpus.ngram}; settings.ngrams are {known}")
        return self
