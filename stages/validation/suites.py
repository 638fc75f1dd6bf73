"""Suites of expectations, read strictly from schemas/<name>.json in the format of Great Expectations."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from stages.core.errors import UserError

PARAMETER = "$PARAMETER"
"""Key of an argument that params.yaml has: {"$PARAMETER": "max_failed"}, as in Great Expectations' own suites."""


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One expectation, as `great_expectations.ExpectationConfiguration` takes it."""

    type: str
    """Its name in Great Expectations' gallery (https://greatexpectations.io/expectations)."""
    kwargs: dict[str, Any]
    severity: Literal["warning", "critical"]
    """warning: a row that does not meet it is set aside. critical: the stage fails."""
    notes: str = ""
    """Why, for people."""
    meta: dict[str, str] = {}
    """failure: what a failed one means and what to change; {observed} and the names of arguments stand for their
    values."""

    @property
    def parameters(self) -> dict[str, str]:
        """Argument -> the parameter that gives its value."""
        return {key: value[PARAMETER] for key, value in self.kwargs.items() if _is_parameter(value)}

    def failure(self, observed: str) -> str:
        """What it means that it failed, for people."""
        values = {key: f"{value}" for key, value in self.kwargs.items()}
        return self.meta["failure"].format(observed=observed, **values) if "failure" in self.meta else self.title

    @property
    def title(self) -> str:
        """ "expect_column_values_to_be_between(instruction.chars)"."""
        return f"{self.type}({self.kwargs.get('column', '')})"


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The expectations of one kind of artifact."""

    name: str
    expectations: tuple[Expectation, ...]
    notes: str = ""
    may_be_empty: bool = False
    """Whether an artifact without a row is valid."""

    def columns(self) -> list[str]:
        """The columns that it is about (see `columns.table`), each once."""
        named = (e.kwargs.get(key) for e in self.expectations for key in ("column", "column_A", "column_B"))
        listed = (column for e in self.expectations for column in e.kwargs.get("column_list", []))
        return sorted({name for name in (*named, *listed) if isinstance(name, str)})

    def resolved(self, parameters: Mapping[str, float | None], file: str) -> "Suite":
        """The suite with the values of its parameters, without the expectations of which one is null.

        file: the suite's, for messages. Raises UserError for a parameter that is not among `parameters`.
        """
        named = {parameter for one in self.expectations for parameter in one.parameters.values()}
        if unknown := sorted(named - parameters.keys()):
            raise UserError(f"{file}: unknown parameter {unknown[0]!r}; known are {', '.join(parameters)}")
        kept = [one for one in self.expectations if None not in map(parameters.get, one.parameters.values())]
        return msgspec.structs.replace(self, expectations=tuple(_resolved(one, parameters) for one in kept))


def _resolved(expectation: Expectation, parameters: Mapping[str, float | None]) -> Expectation:
    values = {argument: parameters[name] for argument, name in expectation.parameters.items()}
    return msgspec.structs.replace(expectation, kwargs=expectation.kwargs | values)


def _is_parameter(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {PARAMETER}
