"""Which checks of a row a response satisfies: constraints on any text, and the tasks of a verified sequence.

Checks are data, a name and arguments, and what is checked is text: neither is ever executed or used as a pattern.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.core.records import ResponseCheck
from stages.verified import text_constraints
from stages.verified.constraint_types import CONSTRAINT_TYPES
from stages.verified.grading import grade
from stages.verified.verified_rows import Check

TASKS = "tasks"
"""The name of the check that is a verified sequence; its arguments are {"tasks": its checks, see `verified_rows`}."""
MODULES = (text_constraints,)
"""The modules that define constraints; importing them fills CONSTRAINT_TYPES."""


class CheckResult(NamedTuple):
    """Whether a response satisfies one check, or one task of a sequence."""

    name: str
    satisfied: bool


def check_response(text: str, checks: Sequence[ResponseCheck]) -> list[CheckResult]:
    """The result of each check in order; a sequence has one a task, named after its type.

    A blank response satisfies none. White space around a response is ignored. Raises ValueError for a check that
    `invalid` refuses.
    """
    return [result for check in checks for result in _results(text.strip(), check)]


def invalid(check: ResponseCheck) -> str:
    """Why a check is none that can be applied, for people; "" if it is one."""
    if check.name == TASKS:
        return _invalid_tasks(check.arguments)
    if check.name not in CONSTRAINT_TYPES:
        return f"no check is named {check.name!r:.60}"
    parameters = CONSTRAINT_TYPES[check.name].parameters
    if set(check.arguments) != set(parameters):
        return f"check {check.name} takes {', '.join(parameters) or 'no arguments'}"
    if wrong := next((name for name, type in parameters.items() if not _fits(check.arguments[name], type)), ""):
        return f"check {check.name}: {check.arguments[wrong]!r:.60} is no {wrong}"
    if check.name == "script.language" and check.arguments["language"] not in text_constraints.SCRIPTS:
        return f"check {check.name}: known are {', '.join(text_constraints.SCRIPTS)}"
    return ""


def _invalid_tasks(arguments: Mapping[str, Any]) -> str:
    try:
        tasks = msgspec.convert(arguments, dict[str, list[Check]])
    except msgspec.ValidationError as error:
        return f"check {TASKS}: {error}"
    return "" if set(tasks) == {"tasks"} and tasks["tasks"] else f"check {TASKS} takes tasks, at least one"


def _fits(value: Any, type: type) -> bool:
    if type is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if type is list:
        return isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)
    return isinstance(value, str) and bool(value)


def _results(text: str, check: ResponseCheck) -> list[CheckResult]:
    if reason := invalid(check):
        raise ValueError(reason)
    if check.name == TASKS:
        tasks = msgspec.convert(check.arguments["tasks"], list[Check])
        graded = grade(text, tasks).tasks
        return [CheckResult(task.task, result.lenient) for task, result in zip(tasks, graded, strict=True)]
    holds = CONSTRAINT_TYPES[check.name].holds
    return [CheckResult(check.name, bool(text) and holds(text, **check.arguments))]
