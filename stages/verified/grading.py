"""Which tasks of a sequence a response attempts, and which it gets right, by rule.

A response is cut into one segment per task: by the numbers at the start of its lines where they run 1, 2, 3, …, else
by its lines. Right, strictly: segment k is the answer of task k and nothing else. Right, leniently: segment k states
the answer in any common form (labels, quotes, other separators, a sentence around a number or word).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stages.verified import typed_values
from stages.verified.typed_values import ValueType
from stages.verified.verified_rows import Check

_MARKER = re.compile(
    r"^[ \t]*(?:#+[ \t]+)?[*_#(\[]*(?:(?:task|answer|step|aufgabe|antwort|tarea|respuesta)[ \t]+)?"
    r"(\d{1,2})[*_\])]*(?:\\?[.):\]][*_]*(?:[ \t]+|$)|\uff0e)",
    re.MULTILINE | re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*(?:\n|$)", re.MULTILINE)
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,]|\.\d)")
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_LABEL = re.compile(r"^[^:\n]{1,60}:[ \t]+")
_BULLET = re.compile(r"^[ \t]*[-*\u2022][ \t]+")
_NUMBER = re.compile(r"(?<![\w.,-])[-\u2212]?\d+(?![\w]|[.,]\d)")


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


def segments(response: str, count: int) -> list[str]:
    """The response cut into `count` pieces, "" for those that are not there; text beyond the last is part of none.

    With one task the whole response is its piece. Lines before the first number of a numbered response are left out.
    """
    if count == 1:
        return [response.strip()]
    response = _FENCE.sub("", response)
    pieces = _numbered(response) or _lines(response, count)
    return [*pieces[:count], *[""] * (count - len(pieces))]


def _lines(response: str, count: int) -> list[str]:
    """The lines; one that announces the answers ("Here they are:") is left out where there are more than tasks."""
    lines = [line.strip() for line in response.splitlines() if line.strip()]
    return lines[1:] if len(lines) > count and lines[0].endswith(":") else lines


def _numbered(response: str) -> list[str]:
    """The texts behind the numbers 1, 2, 3, … at the starts of lines; [] where fewer than two lines have them."""
    wanted, cuts = 1, []
    for match in _MARKER.finditer(response):
        if int(match[1]) == wanted:
            cuts.append(match)
            wanted += 1
    if len(cuts) < 2:
        return []
    ends = [*(match.start() for match in cuts[1:]), len(response)]
    return [response[match.end() : end].strip() for match, end in zip(cuts, ends, strict=True)]


def _graded(segment: str, check: Check, shown: set[str]) -> TaskGrade:
    strict = segment == check.answer
    lenient = strict or _states(segment, check)
    attempted = lenient or (_plausible(segment, check.type) and _folded(segment) not in shown)
    return TaskGrade(attempted, strict, lenient)


def _states(segment: str, check: Check) -> bool:
    """Whether the segment states the answer, without its case only where case is not what the task is about."""
    right = typed_values.parse(check.type, check.answer)
    return any(
        _same(check.type, typed_values.parse_lenient(check.type, form), right) for form in _forms(segment, check.type)
    )


def _forms(segment: str, type: ValueType) -> list[str]:
    """The segment without fences, bullet, label, bold; lines as a list; a sentence's only number, date, quotation."""
    plain = _BULLET.sub("", _FENCE.sub("", segment).strip())
    forms = [segment, plain, _LABEL.sub("", plain)]
    if bold := _BOLD.fullmatch(plain):
        forms.append(bold[1])
    if type in ("words", "numbers", "dates") and "\n" in plain:
        forms.append(", ".join(_BULLET.sub("", line) for line in plain.splitlines() if line.strip()))
    if type == "object":
        forms.append(plain.strip("`"))
    if type == "date" and len(dates := set(_DATE.findall(plain))) == 1:
        forms += dates
    if type == "number":
        numbers = _NUMBER.findall(_GROUPED.sub(lambda match: match.group().replace(",", ""), plain))
        forms += numbers[:1] if len(set(numbers)) == 1 else []
    if type == "decision":
        forms += re.findall(r"\w+", plain)[:1]
    if type in ("word", "text", "words") and (
        quoted := re.findall(r"[\"\u201c\u201e]([^\"\u201c\u201d]+)[\"\u201d]", plain)
    ):
        forms += quoted if len(quoted) == 1 else []
    return forms


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
