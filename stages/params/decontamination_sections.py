"""The sections that hold training corpora against benchmarks and against themselves."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.params.field_types import Artifact, Count, Name, Once, Section


class IndexedCorpus(Section):
    """A corpus that a benchmark is made from."""

    reads: Artifact


class DecontaminateSettings(Section):
    """What counts as an overlap and as a near duplicate."""

    ngrams: Annotated[list[Count], Field(min_length=1), Once]
    shortest: Count
    shingle: Count
    similarity: Annotated[float, Field(gt=0, le=1)]
    apart_by_numbers: bool = False
    apart_by_slot: Annotated[int, Field(ge=0, le=1000)] = 0


class DecontaminateCorpus(Section):
    """What is read, and what goes."""

    reads: Artifact
    remove: Annotated[list[Literal["overlap-exact", "overlap-ngram", "duplicate", "near-duplicate"]], Once]
    ngram: Count


class Decontaminate(Section):
    """Training corpora."""

    settings: DecontaminateSettings
    corpora: dict[Name, DecontaminateCorpus]

    @model_validator(mode="after")
    def _looked_for(self) -> "Decontaminate":
        for name, corpus in self.corpora.items():
            if corpus.ngram not in self.settings.ngrams:
                known = ", ".join(map(str, self.settings.ngrams))
                raise ValueError(f"corpora.{name}.ngram is {corpus.ngram}; settings.ngrams are {known}")
        return self
