"""Task level (paper 5.1): a model takes a sequential instruction apart again, into rows with one task each (SIT-split).

In the paper's release fragments dangle ("then translate it") and have lost what they refer to, which confounds the
comparison. Here a leading connective is taken off, a fragment that refers to an earlier one gets that one's result as
its input, and one that speaks of the row's input gets that; every such repair is in the row's step.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from stages.ablations.split_forms import CONNECTIVE, FORMS, Task
from stages.core.completions import Complete, Constraint, Prompt, Reply, Sampling, draw_seed, recorded, retry
from stages.core.records import Record, Step
from stages.prompts import Template

_BACK = re.compile(
    r"\b(?:it|its|them|these|those|they|this|that (?:list|text|story|answer|result)"
    r"|the (?:above|previous|preceding|resulting)|(?:above|previous|former|earlier)(?= \w)"
    r"|your (?:answer|response|list|summary|translation|result)"
    r"|the (?:result|answer|response|output|translation|summary|list|steps?) (?:of|from|above))\b",
    re.IGNORECASE,
)
_INPUT = re.compile(
    r"\bthe (?:(?:given|following|input) )?(?:input|text|passage|paragraph|article|story|sentences?|review|message|note"
    r"|table|code|function|words|statement|question|data|document|email|letter|poem|dialogue|conversation)\b",
    re.IGNORECASE,
)


CLOSED = ("unparsed", "rejected")
"""Statuses whose reasons are of a closed list."""


class Split(NamedTuple):
    """A record's tasks; one task, the record's own, where it was held or could not be taken apart."""

    record: Record
    tasks: tuple[Task, ...]
    step: Step
    """What became of it. `reason` is of a closed list: "held", "numbering", "one-task", "too-short", "empty-task",
    "response-lost", or the engine's error; "" if it was taken apart."""

    @property
    def settled(self) -> bool:
        """Held or taken apart: nothing more is asked."""
        return self.step.status == "ok"


class Wishes(NamedTuple):
    """How a model is asked."""

    form: str
    """A key of FORMS."""
    template: Template
    """Renders with what the form has to say of a record."""
    sampling: Sampling
    attempts: int
    seed: int


def split(records: Iterable[Record], complete: Complete, wishes: Wishes) -> Iterator[Split]:
    """Each record with its tasks, in order, lazily. Held records (no task was ever added) stay whole and are not
    asked."""
    opened = (_opened(wishes, record) for record in records)
    return retry(complete, opened, wishes.attempts, partial(_request, wishes), partial(_taken_apart, wishes))


def _opened(wishes: Wishes, record: Record) -> Split:
    """The record before it is asked about: settled unless a task was ever added to it."""
    grown = any(step.stage == "rewrite" and step.status == "ok" and step.action != "hold" for step in record.steps)
    step = Step("split", "", "ok", reason="held")
    if grown:
        values = FORMS[wishes.form].values(record)
        step = Step("split", "", "unparsed", reason=values if isinstance(values, str) else "")
    return Split(record, (Task(record.instruction, record.response),), step)


def _request(wishes: Wishes, one: Split, sample: int) -> Prompt | None:
    values = FORMS[wishes.form].values(one.record)
    if one.settled or isinstance(values, str):
        return None
    rendered = wishes.template.render(values)
    regex = rendered.regex or FORMS[wishes.form].regex(one.record)
    constraint = Constraint(regex=regex) if regex else None
    seed = draw_seed(wishes.seed, one.record.id, "split")
    return rendered.prompt(wishes.sampling, seed, f"{one.record.id}/split", sample, constraint)


def _taken_apart(wishes: Wishes, one: Split, reply: Reply) -> Split:
    step = Step(
        stage="split", action="", status=reply.status, reason=reply.error, generator=reply.model,
        prompt=wishes.template.hash, sampling=recorded(wishes.sampling, reply.sent),
        replies=(*one.step.replies, *([reply.id] if reply.id else [])),
        text_hashes=(*one.step.text_hashes, *([reply.text_hash] if reply.id else [])),
    )  # fmt: skip
    if reply.status != "ok":
        return one._replace(step=step)
    tasks = FORMS[wishes.form].read(one.record, reply.text)
    if isinstance(tasks, str):
        status = "rejected" if tasks in ("empty-task", "response-lost") else "unparsed"
        return one._replace(step=replace(step, status=status, reason=tasks))
    return Split(one.record, tuple(tasks), step)


def single(found: Split) -> list[Record]:
    """SIT-split: a record a task, "<id>.1", "<id>.2", …; the first keeps the row's input, repairs are in the step."""
    if len(found.tasks) == 1:
        return [found.record.step(_step(found, "whole"))]
    return [_single(found, number) for number in range(len(found.tasks))]


def _single(found: Split, number: int) -> Record:
    task = found.tasks[number]
    instruction = unconnected(task.instruction)
    context = _context(found, number, instruction)
    repairs = ["connective"] * (instruction != task.instruction) + [name for name in context if number]
    return found.record.step(
        _step(found, "+".join(["part", *repairs])), id=f"{found.record.id}.{number + 1}", instruction=instruction,
        input="\n\n".join(context.values()), response=task.response, reasoning=UNSET,
    )  # fmt: skip


def _context(found: Split, number: int, instruction: str) -> dict[str, str]:
    """What a fragment needs to be understood by itself: the row's input, the result of the task before it."""
    texts = {"input": found.record.input, "context": found.tasks[number - 1].response if number else ""}
    needed = {"input": not number or _INPUT.search(instruction), "context": _BACK.search(instruction)}
    return {name: text for name, text in texts.items() if text and needed[name]}


def unconnected(instruction: str) -> str:
    """A fragment without the "then," or "finally" that tied it to the one before; its first letter is large again."""
    while found := CONNECTIVE.match(instruction):
        instruction = instruction[found.end() :]
        instruction = instruction[:1].upper() + instruction[1:]
    return instruction


def _step(found: Split, action: str) -> Step:
    return replace(found.step, action=action)


def losses(found: Iterable[Split]) -> dict[str, dict[str, int]]:
    """ "whole" -> why a row with several tasks could not be taken apart -> how many; an engine's error is its
    status."""
    failed = (one.step for one in found if not one.settled)
    return {"whole": dict(Counter(s.reason if s.status in CLOSED and s.reason else s.status for s in failed))}


def statistics(found: Iterable[Split]) -> dict[str, Any]:
    """Counts of sources by outcome, of rows with one task, and of repairs."""
    outcomes: Counter[str] = Counter()
    actions: Counter[str] = Counter()
    for one in found:
        outcomes[one.step.reason or one.step.status] += 1
        actions.update(record.steps[-1].action for record in single(one))
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "rows": actions.total(),
        "actions": dict(sorted(actions.items())),
    }
