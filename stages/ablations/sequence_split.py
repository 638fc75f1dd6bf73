"""Task level (paper 5.1): a model splits sequential instructions into single tasks (SIT-split) or turns (SIT-multi).

In the paper's release fragments dangle ("then translate it") and have lost what they refer to, which confounds the
comparison. Here a leading connective is removed, a fragment that refers to an earlier one gets the result of that as
its input, and one that mentions the row's input gets that; every such repair is recorded in the row's step.
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
from stages.core.records import Record, Step, Turn
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


class SplitResult(NamedTuple):
    """A record's tasks; one task, the record's own, where it was on hold or could not be split."""

    record: Record
    tasks: tuple[Task, ...]
    step: Step
    """Its outcome. `reason` is of a closed list: "held", "numbering", "one-task", "too-short", "empty-task",
    "response-lost", or the engine's error; "" if it was split."""

    @property
    def settled(self) -> bool:
        """On hold or split: no further request is made."""
        return self.step.status == "ok"


class SplitConfig(NamedTuple):
    """How the model splits records."""

    form: str
    """A key of FORMS."""
    template: Template
    """Rendered with the values that the form has for a record."""
    sampling: Sampling
    attempts: int
    seed: int


def split_sequences(records: Iterable[Record], complete: Complete, config: SplitConfig) -> Iterator[SplitResult]:
    """Each record with its tasks, in order, lazily. Records without an added task stay whole, without a
    request."""
    pending = (_initial_result(config, record) for record in records)
    return retry(complete, pending, config.attempts, partial(_request, config), partial(_parse_reply, config))


def _initial_result(config: SplitConfig, record: Record) -> SplitResult:
    """The record before its request: settled if no task was ever added to it."""
    has_added_task = any(
        step.stage == "rewrite" and step.status == "ok" and step.action != "hold" for step in record.steps
    )
    step = Step("split", "", "ok", reason="held")
    if has_added_task:
        values = FORMS[config.form].values(record)
        step = Step("split", "", "unparsed", reason=values if isinstance(values, str) else "")
    return SplitResult(record, (Task(record.instruction, record.response),), step)


def _request(config: SplitConfig, result: SplitResult, sample: int) -> Prompt | None:
    values = FORMS[config.form].values(result.record)
    if result.settled or isinstance(values, str):
        return None
    rendered = config.template.render(values)
    regex = rendered.regex or FORMS[config.form].regex(result.record)
    constraint = Constraint(regex=regex) if regex else None
    seed = draw_seed(config.seed, result.record.id, "split")
    return rendered.prompt(config.sampling, seed, f"{result.record.id}/split", sample, constraint)


def _parse_reply(config: SplitConfig, result: SplitResult, reply: Reply) -> SplitResult:
    step = Step(
        stage="split", action="", status=reply.status, reason=reply.error, generator=reply.model,
        prompt=config.template.hash, sampling=recorded(config.sampling, reply.sent),
        replies=(*result.step.replies, *([reply.id] if reply.id else [])),
        text_hashes=(*result.step.text_hashes, *([reply.text_hash] if reply.id else [])),
    )  # fmt: skip
    if reply.status != "ok":
        return result._replace(step=step)
    tasks = FORMS[config.form].read(result.record, reply.text)
    if isinstance(tasks, str):
        status = "rejected" if tasks in ("empty-task", "response-lost") else "unparsed"
        return result._replace(step=replace(step, status=status, reason=tasks))
    return SplitResult(result.record, tuple(tasks), step)


def single_task_rows(result: SplitResult) -> list[Record]:
    """SIT-split: a record a task, "<id>.1", "<id>.2", …; the first keeps the row's input, repairs are in the step."""
    if len(result.tasks) == 1:
        return [result.record.step(_step(result, "whole"))]
    return [_task_row(result, number) for number in range(len(result.tasks))]


def conversation(result: SplitResult) -> Record:
    """The record with its tasks as turns: the earlier ones in `history`, the last as instruction and response.

    The input stays with the first turn, where it was given. Nothing is repaired: a turn may refer to the one before it.
    """
    record, (*earlier, last) = result.record, result.tasks
    step = replace(result.step, action=f"turns:{len(result.tasks)}")
    if not earlier:
        return record.step(step)
    first = f"{earlier[0].instruction}\n\n{record.input}" if record.input else earlier[0].instruction
    instructions = [first, *(task.instruction for task in earlier[1:])]
    history = tuple(Turn(text, task.response) for text, task in zip(instructions, earlier, strict=True))
    return record.step(
        step,
        instruction=last.instruction,
        input="",
        response=last.response,
        history=(*record.history, *history),
        checks=UNSET,
    )


def _task_row(result: SplitResult, number: int) -> Record:
    task = result.tasks[number]
    instruction = without_connective(task.instruction)
    context = _context(result, number, instruction)
    repairs = ["connective"] * (instruction != task.instruction) + [name for name in context if number]
    return result.record.step(
        _step(result, "+".join(["part", *repairs])), id=f"{result.record.id}.{number + 1}", instruction=instruction,
        input="\n\n".join(context.values()), response=task.response, reasoning=UNSET, checks=UNSET,
    )  # fmt: skip


def _context(result: SplitResult, number: int, instruction: str) -> dict[str, str]:
    """What a fragment needs to be understood by itself: the row's input, the result of the task before it."""
    texts = {"input": result.record.input, "context": result.tasks[number - 1].response if number else ""}
    needed = {"input": not number or _INPUT.search(instruction), "context": _BACK.search(instruction)}
    return {name: text for name, text in texts.items() if text and needed[name]}


def without_connective(instruction: str) -> str:
    """A fragment without the "then," or "finally" that tied it to the one before; its first letter is large again."""
    while match := CONNECTIVE.match(instruction):
        instruction = instruction[match.end() :]
        instruction = instruction[:1].upper() + instruction[1:]
    return instruction


def _step(result: SplitResult, action: str) -> Step:
    return replace(result.step, action=action)


def losses(results: Iterable[SplitResult]) -> dict[str, dict[str, int]]:
    """ "whole" -> why a row with several tasks could not be split -> number of rows; an engine's error is its
    status."""
    failed = (result.step for result in results if not result.settled)
    return {"whole": dict(Counter(s.reason if s.status in CLOSED and s.reason else s.status for s in failed))}


def statistics(results: Iterable[SplitResult]) -> dict[str, Any]:
    """Counts of sources by outcome, of rows with one task, and of repairs."""
    outcomes: Counter[str] = Counter()
    actions: Counter[str] = Counter()
    for result in results:
        outcomes[result.step.reason or result.step.status] += 1
        actions.update(record.steps[-1].action for record in single_task_rows(result))
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "rows": actions.total(),
        "actions": dict(sorted(actions.items())),
    }
