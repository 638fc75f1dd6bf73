"""The section that generates verified sequences."""

from typing import Annotated, Literal

from pydantic import Field

from stages.params.field_types import Count, Once, Section

Selection = Literal["seen", "unseen", "all"]


class Generated(Section):
    """Sequences of tasks whose right answers are computed (stages/verified)."""

    seed: int
    count: Count
    tasks: Annotated[list[Annotated[int, Field(ge=1, le=20)]], Field(min_length=1), Once]
    structures: Annotated[list[Literal["independent", "dependent", "mixed"]], Field(min_length=1), Once]
    languages: Annotated[list[Literal["en", "de", "es"]], Field(min_length=1), Once]
    types: Selection
    wordings: Selection
