"""Task level (paper 5.1): a model takes a sequential instruction apart again, into rows with one task each (SIT-split).

In the paper's release fragments dangle ("then translate it") and have lost what they refer to, which confounds the
comparison. Here a leading connective is taken off, and a fragment that refers to an earlier one gets that one's
result as its input; every such repair is in the row's step.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.messages import Complete, Message, Prompt, Reply, Sampling, ask, draw_seed
from stages.records import Record, Status, Step

SAMPLING = Sampling(temperature=0.7, top_p=0.9, top_k=50, max_tokens=2048)
"""How the paper's release split."""

_TASK = re.compile(r"^#+ *Task *(\d+) *#* *:? *$", re.MULTILINE | re.IGNORECASE)
_RESPONSE = re.compile(r"^#+ *Response *(\d+) *#* *:? *$", re.MULTILINE | re.IGNORECASE)
_CONNECTIVE = re.compile(
    r"^(?:and |but )?(?:then|next|after that|afterwards|after this|finally|lastly|subsequently|second(?:ly)?"
    r"|third(?:ly)?|first(?:ly)?|in addition|additionally|furthermore)\b[,:]? *(?=\w)",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\b(?:it|its|them|these|those|they|this|that (?:list|text|story|answer|result)"
    r"|the (?:above|previous|preceding|resulting)|(?:above|previous|former|earlier)(?= \w)"
    r"|your (?:answer|response|list|summary|translation|result)"
    r"|the (?:result|answer|response|output|translation|summary|list|steps?) (?:of|from|above))\b",
    re.IGNORECASE,
)


class Task(msgspec.Struct, frozen=True):
    """One task of a sequence and what was said to it."""

    instruction: str
    response: str


class Split(NamedTuple):
    """A record's tasks; one task, the record's own, where it was held or could not be taken apart."""

    record: Record
    tasks: tuple[Task, ...]
    status: Status
    reason: str
    """Closed list: "held", "numbering", "one-task", "empty-task", "response-lost", or the engine's error; "" if ok."""
    reply: Reply | None


def parse_tasks(reply: str) -> list[Task] | str:
    """The tasks of a reply ("#Task 1#", text, "#Response 1#", text, "#Task 2#", …), or why there are none."""
    parts = _TASK.split(reply)[1:]
    numbers, bodies = parts[::2], [_RESPONSE.split(body) for body in parts[1::2]]
    if [int(number) for number in numbers] != list(range(1, len(numbers) + 1)):
        return "numbering"
    if any(len(body) != 3 or body[1] != number for number, body in zip(numbers, bodies, strict=True)):
        return "numbering"
    tasks = [Task(body[0].strip(), body[2].strip()) for body in bodies]
    if len(tasks) < 2:
        return "one-task"
    return "empty-task" if any(not task.instruction or not task.response for task in tasks) else tasks


def split(
    records: Iterable[Record],
    complete: Complete,
    messages_of: Callable[[Record], Sequence[Message]],
    seed: int,
    sampling: Sampling = SAMPLING,
) -> Iterator[Split]:
    """Each record with its tasks, in order, lazily. Held records (no task was ever added) stay whole and are not asked.

    messages_of: the request for one record, such as stages/prompts/split.txt rendered with its texts.
    """

    def prompt_of(record: Record) -> Prompt | None:
        if not _grown(record):
            return None
        seeded = draw_seed(seed, record.id, "split")
        return Prompt(tuple(messages_of(record)), sampling, seeded, purpose=f"{record.id}/split")

    return (_taken_apart(record, reply) for record, reply in ask(complete, records, prompt_of))


def _grown(record: Record) -> bool:
    rewrites = [step for step in record.steps if step.stage == "rewrite"]
    return any(step.status == "ok" and step.action != "hold" for step in rewrites)


def _taken_apart(record: Record, reply: Reply | None) -> Split:
    whole = (Task(record.instruction, record.response),)
    if reply is None:
        return Split(record, whole, "ok", "held", None)
    if reply.status != "ok":
        return Split(record, whole, reply.status, reply.error, reply)
    tasks = parse_tasks(reply.text)
    if isinstance(tasks, str):
        return Split(record, whole, "unparsed", tasks, reply)
    if _lost(record, tasks):
        return Split(record, whole, "rejected", "response-lost", reply)
    return Split(record, tuple(tasks), "ok", "", reply)


def _lost(record: Record, tasks: Sequence[Task]) -> bool:
    """Whether less than nine tenths of the response's words are left, or more than a tenth is not the response's."""
    before = Counter(record.response.lower().split())
    after = Counter(word for task in tasks for word in task.response.lower().split())
    return (before & after).total() < 0.9 * max(before.total(), after.total())


def single(found: Split) -> list[Record]:
    """SIT-split: a record a task, "<id>.1", "<id>.2", …; the first keeps the row's input, repairs are in the step."""
    if len(found.tasks) == 1:
        return [found.record.step(_step(found, "whole"))]
    return [_single(found, number) for number in range(len(found.tasks))]


def _single(found: Split, number: int) -> Record:
    task = found.tasks[number]
    instruction = unconnected(task.instruction)
    context = found.record.input if number == 0 else found.tasks[number - 1].response
    refers = number > 0 and bool(_BACK.search(instruction))
    repairs = [name for name, done in (("connective", instruction != task.instruction), ("context", refers)) if done]
    step = _step(found, "+".join(["part", *repairs]))
    return found.record.step(
        step, id=f"{found.record.id}.{number + 1}", instruction=instruction,
        input=context if number == 0 or refers else "", response=task.response,
    )  # fmt: skip


def unconnected(instruction: str) -> str:
    """A fragment without the "then," or "finally" that tied it to the one before; its first letter is large again."""
    while (rest := _CONNECTIVE.sub("", instruction, count=1)) != instruction:
        instruction = rest[:1].upper() + rest[1:]
    return instruction


def _step(found: Split, action: str) -> Step:
    reply = found.reply
    return Step(
        stage="sample", action=f"split:{action}", status=found.status, reason=found.reason,
        generator=reply.model if reply else "", replies=(reply.id,) if reply and reply.id else (),
    )  # fmt: skip


def statistics(found: Iterable[Split]) -> dict[str, Any]:
    """Counts of sources by outcome, of rows with one task, and of repairs."""
    outcomes: Counter[str] = Counter()
    actions: Counter[str] = Counter()
    for one in found:
        outcomes[one.reason or one.status] += 1
        actions.update(record.steps[-1].action for record in single(one))
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "rows": actions.total(),
        "actions": dict(sorted(actions.items())),
    }
