"""The links of manual chains, and how their tasks are asked for."""

from typing import Annotated

from pydantic import Field, model_validator

from stages.params.field_types import Known, Line, Once, Section, Share, Words

WITHOUT_LANGUAGES = ("repeat", "paraphrase", "caption")
"""Chains of ours that each row with an input gets, in its own language."""


class Chain(Section):
    """One link of a manual chain; chains of a user's own take what they like of this."""

    chain: str
    prefix: Words | None = None
    languages: Annotated[list[Known], Field(min_length=1), Once] | None = None
    share: Share | None = None
    labels: Annotated[list[Words], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _takes_these(self) -> "Chain":
        given = {field for field in ("languages", "share", "labels") if getattr(self, field) is not None}
        if extra := sorted(given & {"languages", "share"}) if self.chain in WITHOUT_LANGUAGES else []:
            raise ValueError(f"{extra[0]}: chain {self.chain} takes none, only translate does; remove it")
        if missing := sorted({"languages", "share", "labels"} - given) if self.chain == "translate" else []:
            raise ValueError(f"chain translate needs {' and '.join(missing)}; add what is missing")
        return self


class Wording(Section):
    """How the intermediate task of each chain is asked for before an instruction, in training and in tests."""

    repeat: Line
    paraphrase: Line
    translate: Line
    caption: Line
