"""The links of manual chains, and the wording of their tasks."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from stages.core.errors import UserError
from stages.core.registry import CHAINS, unknown_name
from stages.params.field_types import Known, Line, Once, Section, Share, Words


def _registered(chain: str) -> str:
    if chain not in CHAINS:
        raise ValueError(unknown_name("chain", chain, CHAINS))
    return chain


ChainName = Annotated[str, AfterValidator(_registered)]
"""A name in the registry CHAINS (stages/core/registry.py)."""


class Chain(Section):
    """One link of a manual chain."""

    chain: ChainName
    prefix: Words | None = None
    languages: Annotated[list[Known], Field(min_length=1), Once] | None = None
    share: Share | None = None
    labels: Annotated[list[Words], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> "Chain":
        given = {field for field in ("languages", "share", "labels") if getattr(self, field) is not None}
        needed = set(CHAINS[self.chain].settings)
        if extra := sorted(given - needed - {"labels"}):
            users = " or ".join(name for name, entry in CHAINS.items() if extra[0] in entry.settings)
            raise ValueError(f"{extra[0]}: chain {self.chain} takes none, only {users} does; remove it")
        if missing := sorted(needed - given):
            raise ValueError(f"chain {self.chain} needs {' and '.join(missing)}; add what is missing")
        return self


class ChainWording(dict[str, str]):
    """Chain -> the text that asks for its intermediate task, before an instruction, in training and in tests."""

    def __missing__(self, chain: str) -> str:
        """Raise UserError: only a chain or a benchmark in use needs its wording."""
        raise UserError(f"params.yaml: wording has no entry {chain!r}; add the text that asks for this task")


def _wording(texts: Any) -> ChainWording:
    return ChainWording(texts)


Wording = Annotated[dict[ChainName, Line], AfterValidator(_wording)]
