"""Following task by task: what an instruction asks for is listed, and each task is marked done or not.

The list belongs to the instruction and never sees a response, so that all runs are held against the same tasks.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from stages.core.completions import Reply
from stages.evaluation.judges.judge_requests import (
    Asked,
    Opinion,
    Panel,
    Request,
    asked,
    grounds,
    leaning,
    likings,
    reason,
)
from stages.evaluation.judges.verdict_statements import last_stated, statement
from stages.reasoning import answer_of

ANSWERS = ("Yes", "No")
LONGEST = 24
"""Tasks of one instruction above which a list is taken for rambling and not for a list."""
_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+(\S.*)$", re.MULTILINE)
_MARKS = re.compile(r"\[\[([^\[\]]{1,2000})\]\]")
_MARK = re.compile(r"\s*(\d{1,3})\s*[:=]\s*[\"'*]{0,4}(yes|no)[\"'*]{0,4}\s*", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_BULLET = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s+")


class Listing(Opinion, frozen=True):
    """The tasks of one instruction."""

    tasks: tuple[str, ...]
    """In the order of the instruction; empty if they could not be told."""


class Marks(Opinion, frozen=True):
    """What a judge says of each task of one response."""

    done: tuple[float, ...]
    """One a task, in [0, 1]; above a half it was done. Empty if any of them could not be told."""


Case = tuple[str, tuple[str, ...], str, str]
"""What is marked: (id, its tasks, the instruction, the response)."""


def parse_list(text: str) -> tuple[str, ...]:
    """The tasks of the last list in `text` that is numbered 1, 2, 3, …; empty if there is none."""
    found: list[str] = []
    for number, task in _ITEM.findall(answer_of(text)):
        if int(number) == 1:
            found = []
        if int(number) != len(found) + 1:
            return ()
        found.append(task.strip())
    return tuple(found) if len(found) <= LONGEST else ()


def parse_marks(text: str, tasks: int) -> tuple[float, ...]:
    """The last "[[1: Yes, 2: No]]" that `text` states; empty unless it marks each of the `tasks` once and nothing
    else."""
    stated = last_stated(_MARKS, text)
    parts = [_MARK.fullmatch(part) for part in stated[1].split(",")] if stated else []
    marks = {int(m[1]): float(m[2].lower() == "yes") for m in parts if m}
    complete = len(parts) == len(marks) == tasks and set(marks) == set(range(1, tasks + 1))
    return tuple(marks[number] for number in range(1, tasks + 1)) if complete else ()


def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of an instruction, each taken for a task; numbers and bullets before them are dropped."""
    parts = (part.strip() for line in text.splitlines() for part in _SENTENCE.split(_BULLET.sub("", line)))
    return tuple(part for part in parts if re.search(r"\w", part))[:LONGEST]


def _by_rule(panel: Panel, instructions: Iterable[tuple[str, str]]) -> Iterator[Listing]:
    return (Listing(sentences(text)) for _, text in instructions)


def _by_judge(panel: Panel, instructions: Iterable[tuple[str, str]]) -> Iterator[Listing]:
    requests = (Request(f"{name}/tasks", {"instruction": text}) for name, text in instructions)
    for item in asked(panel, requests, lambda _, reply: bool(parse_list(statement(reply)))):
        tasks = parse_list(statement(item.last))
        yield Listing(tasks, **grounds(item, bool(tasks)))


LISTERS: dict[str, Callable[[Panel, Iterable[tuple[str, str]]], Iterator[Listing]]] = {
    "judge": _by_judge, "sentences": _by_rule,
}  # fmt: skip
"""Who lists the tasks of (id, instruction): the judge, or the rule that each sentence is one. The prompt file gets
`instruction`."""


def mark(panel: Panel, cases: Iterable[Case]) -> Iterator[Marks]:
    """Marks for each case, in order; a case without tasks is not asked about and has none.

    stated: one request a response; the prompt file gets `instruction`, `tasks` (numbered lines) and `response`.
    scores: one request a task, answered by Yes or No; it gets `instruction`, `task` and `response`.
    """
    return (_leaned if panel.reading == "scores" else _stated)(panel, cases)


def _stated(panel: Panel, cases: Iterable[Case]) -> Iterator[Marks]:
    for item in asked(panel, map(_request, cases), lambda request, reply: bool(_read(request, reply))):
        yield _whole(item) if item.replies else _nothing()


def _request(case: Case) -> Request:
    name, tasks, instruction, response = case
    if not tasks:
        return Request(name, {})
    numbered = "\n".join(f"{number}. {task}" for number, task in enumerate(tasks, 1))
    values = {"instruction": instruction, "tasks": numbered, "response": response, "count": str(len(tasks))}
    return Request(name, values)


def _read(request: Request, reply: Reply) -> tuple[float, ...]:
    return parse_marks(statement(reply), int(request.values["count"]))


def _whole(item: Asked) -> Marks:
    done = _read(item.request, item.last)
    return Marks(done, **grounds(item, bool(done)))


def _nothing() -> Marks:
    return Marks((), reason="no-tasks")


def _leaned(panel: Panel, cases: Iterable[Case]) -> Iterator[Marks]:
    liking = likings(panel, ANSWERS, ("instruction", "task", "response"))
    kept = list(cases)
    requests = (
        Request(f"{name}/{number}", {"instruction": text, "task": task, "response": response})
        for name, tasks, text, response in kept
        for number, task in enumerate(tasks, 1)
    )
    found = asked(panel, requests, lambda _, reply: share_of_yes(reply, liking) is not None, ANSWERS)
    for _, tasks, _, _ in kept:
        yield _each(list(islice(found, len(tasks))), liking) if tasks else _nothing()


def share_of_yes(reply: Reply, liking: dict[str, float]) -> float | None:
    """How far a judge leans to Yes, in [0, 1]: by its scores less its liking, else by its word; None if by neither."""
    if shares := leaning(reply, liking):
        return shares["Yes"]
    return {"yes": 1.0, "no": 0.0}.get(statement(reply).strip().strip(".").lower())


def _each(items: list[Asked], liking: dict[str, float]) -> Marks:
    shares = [share_of_yes(item.last, liking) for item in items]
    lacking = next((item for item, share in zip(items, shares, strict=True) if share is None), None)
    return Marks(
        () if lacking else tuple(round(share, 6) for share in shares if share is not None),
        reason=reason(lacking.last) if lacking else "",
        replies=tuple(key for item in items for key in item.keys),
        text_hashes=tuple(one for item in items for one in item.text_hashes),
        judge=items[-1].last.model,
        text="\n".join(item.last.text for item in items),
    )
