"""Which tasks of a sequence a response attempts, and which it gets right, by rule.

A response is cut into one segment per task (`response_segments`). Right, strictly: segment k is the answer of task k
and nothing else. Right, leniently: segment k states the answer in any common form (`answer_forms`: labels, quotes,
other separators, a table, a date in words, a sentence around a number or word).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stages.verified import typed_values
from stages.verified.answer_forms import forms
from stages.verified.response_segments import segments
from stages.verified.typed_values import ValueType
from stages.verified.verified_rows import Check


class TaskGrade(NamedTuple):
    """The grade of one task."""

    attempted: bool
    """Whether the response has something of the right type in its place, right or wrong."""
    strict: bool
    lenient: bool


class Grade(NamedTuple):
    """The grade of a sequence; every share is in [0, 1]."""

    tasks: tuple[TaskGrade, ...]
    following: float
    """1 if every task is attempted, else 0 (the paper's following rate, section 3)."""
    attempted: float
    """Share of the tasks."""
    right: float
    """Share of the tasks that are leniently right."""
    strict: float
    all_right: float
    """1 if every task is leniently right."""
    depth: float
    """Share of the tasks that are right before the first that is not."""


def grade(response: str, checks: Sequence[Check], input: str = "", instruction: str = "") -> Grade:
    """Grade a response. A copy of `input` or `instruction`, which were shown, is no attempt unless it is right."""
    parts = segments(response, len(checks))
    shown = _shown(input, instruction)
    tasks = tuple(_graded(part, check, shown) for part, check in zip(parts, checks, strict=True))
    count = len(tasks)
    lenient = [task.lenient for task in tasks]
    depth = lenient.index(False) if False in lenient else count
    return Grade(
        tasks, float(all(task.attempted for task in tasks)), sum(task.attempted for task in tasks) / count,
        sum(lenient) / count, sum(task.strict for task in tasks) / count, float(all(lenient)), depth / count,
    )  # fmt: skip


def _shown(input: str, instruction: str) -> set[str]:
    """The texts that are no attempt where a response copies them: the prompt, its parts, lines and sentences."""
    parts = [input, instruction, f"{instruction} {input}", *input.splitlines(), *re.split(r"(?<=\.) ", instruction)]
    return {_folded(part) for part in parts if part.strip()}


def _graded(segment: str, check: Check, shown: set[str]) -> TaskGrade:
    strict = segment == check.answer
    lenient = strict or _states(segment, check)
    attempted = lenient or (_plausible(segment, check.type) and _folded(segment) not in shown)
    return TaskGrade(attempted, strict, lenient)


def _states(segment: str, check: Check) -> bool:
    """Whether the segment states the answer, without its case only where case is not what the task is about."""
    right = typed_values.parse(check.type, check.answer)
    return any(
        _same(check.type, typed_values.parse_lenient(check.type, form), right) for form in forms(segment, check.type)
    )


def _same(type: ValueType, value: object, right: object) -> bool:
    if value is None:
        return False
    return value == right or (type == "text" and str(value).rstrip(".") == str(right).rstrip("."))


def _plausible(segment: str, type: ValueType) -> bool:
    """Whether the segment has something of the type in it."""
    if type in ("number", "numbers", "date", "dates"):
        return any(char.isdigit() for char in segment)
    if type == "object":
        return "{" in segment
    return any(char.isalnum() for char in segment)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
