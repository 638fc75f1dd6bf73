"""Suites of expectations, read strictly from schemas/<name>.json in the format of Great Expectations."""

from typing import Any, Literal

import msgspec


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One expectation, as `great_expectations.ExpectationConfiguration` takes it."""

    type: str
    """Its name in Great Expectations' gallery (https://greatexpectations.io/expectations)."""
    kwargs: dict[str, Any]
    severity: Literal["warning", "critical"]
    """warning: a row that does not meet it is set aside. critical: the stage fails."""
    notes: str = ""
    """Why, for people."""

    @property
    def title(self) -> str:
        """ "expect_column_values_to_be_between(instruction.chars)"."""
        return f"{self.type}({self.kwargs.get('column', '')})"


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The expectations of one kind of artifact."""

    name: str
    expectations: tuple[Expectation, ...]
    notes: str = ""

    def columns(self) -> list[str]:
        """The columns that it is about (see `columns.table`), each once."""
        named = (e.kwargs.get(key) for e in self.expectations for key in ("column", "column_A", "column_B"))
        listed = (column for e in self.expectations for column in e.kwargs.get("column_list", []))
        return sorted({name for name in (*named, *listed) if isinstance(name, str)})
