"""The rows of the generator: a sequence of tasks over one input, its right response, and its checks as data."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from stages.verified import list_tasks, number_and_date_tasks, structure_tasks, text_tasks, typed_values
from stages.verified.phrases import Layout
from stages.verified.task_types import TASK_TYPES
from stages.verified.typed_values import Value, ValueType

MODULES = (text_tasks, list_tasks, number_and_date_tasks, structure_tasks)
"""The modules that define the types of task; importing them fills TASK_TYPES."""
Structure = Literal["independent", "dependent", "mixed"]
"""independent: every task is about the input. dependent: each is about the result of the one before. mixed: either."""


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task of a sequence as data: which function checks it, with which arguments, on which value. Never code."""

    task: str
    """A key of `TASK_TYPES`."""
    arguments: dict[str, Any]
    source: int
    """0: the task is about the input. k: it is about the right answer of task k, counted from 1."""
    type: ValueType
    """Of the answer."""
    answer: str
    """The right answer as `typed_values.render` writes it."""


class Verified(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sequence of tasks over one input, with the right response and what checks another one."""

    id: str
    """"<seed>-<number>", and ".<task>" for one task of a sequence that is split."""
    language: str
    structure: Structure
    layout: Layout
    instruction: str
    input: str
    response: str
    input_type: ValueType
    checks: tuple[Check, ...]
    history: tuple[tuple[str, str], ...] = ()
    """(instruction, response) of each earlier turn, oldest first; empty but for rows of form `turns`."""


def respond(checks: Sequence[Check], layout: Layout) -> str:
    """The right response in a layout."""
    if len(checks) == 1:
        return checks[0].answer
    if layout == "numbered":
        return "\n".join(f"{number}. {check.answer}" for number, check in enumerate(checks, 1))
    return "\n".join(check.answer for check in checks)


def recompute(input_type: ValueType, input: str, checks: Sequence[Check]) -> list[str]:
    """The right answers computed anew from the input and the names and arguments of the checks.

    Raises ValueError where the input is not of its type, and KeyError for a type of task that is not known: rows from
    elsewhere are checked by this before anybody is graded by them.
    """
    results: list[tuple[ValueType, Value]] = [(input_type, _parsed(input_type, input))]
    for check in checks:
        task = TASK_TYPES[check.task]
        type, value = results[check.source]
        if type != task.takes:
            raise ValueError(f"{check.task} is about a {task.takes}, not about a {type}")
        results.append((task.gives, task.answer(value, **check.arguments)))
    return [typed_values.render(type, value) for type, value in results[1:]]


def _parsed(type: ValueType, text: str) -> Value:
    if type == "code":
        return text
    value = typed_values.parse(type, text)
    if value is None:
        raise ValueError(f"not a {type}: {text!r:.60}")
    return value
