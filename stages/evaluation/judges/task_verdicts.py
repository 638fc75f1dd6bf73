"""Check a response task by task: list the tasks of the instruction, then judge whether each is done.

The list is made from the instruction alone, so all runs are checked against the same tasks.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from stages.core.completions import Reply
from stages.evaluation.judges.judge_requests import (
    JudgeConfig,
    JudgedRequest,
    Request,
    measure_bias,
    missing_reason,
    send_requests,
    verdict_fields,
    verdict_shares,
)
from stages.evaluation.judges.verdict_statements import complete_text, last_statement
from stages.evaluation.verdict_types import TaskCase, TaskList, TaskVerdicts
from stages.reasoning import answer_of

YES_NO = ("Yes", "No")
LONGEST = 24
"""Tasks of one instruction; a longer list is a reply that repeats itself."""
_ITEM = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+(\S.*)$", re.MULTILINE)
_VERDICTS = re.compile(r"\[\[([^\[\]]{1,2000})\]\]")
_VERDICT = re.compile(r"\s*(\d{1,3})\s*[:=]\s*[\"'*]{0,4}(yes|no)[\"'*]{0,4}\s*", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_BULLET = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s+")


def parse_task_list(text: str) -> tuple[str, ...]:
    """The tasks of the last list in `text` that is numbered 1, 2, 3, …; empty if there is none."""
    tasks: list[str] = []
    for number, task in _ITEM.findall(answer_of(text)):
        if int(number) == 1:
            tasks = []
        if int(number) != len(tasks) + 1:
            return ()
        tasks.append(task.strip())
    return tuple(tasks) if len(tasks) <= LONGEST else ()


def parse_task_verdicts(text: str, tasks: int) -> tuple[float, ...]:
    """The last "[[1: Yes, 2: No]]" that `text` states, as 1 and 0 in the order of the tasks; empty unless it names each
    of the `tasks` tasks once and nothing else."""
    match = last_statement(_VERDICTS, text)
    parts = [_VERDICT.fullmatch(part) for part in match[1].split(",")] if match else []
    done = {int(m[1]): float(m[2].lower() == "yes") for m in parts if m}
    complete = len(parts) == len(done) == tasks and set(done) == set(range(1, tasks + 1))
    return tuple(done[number] for number in range(1, tasks + 1)) if complete else ()


def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of an instruction as tasks, without the numbers and bullets before them."""
    parts = (part.strip() for line in text.splitlines() for part in _SENTENCE.split(_BULLET.sub("", line)))
    return tuple(part for part in parts if re.search(r"\w", part))[:LONGEST]


def _list_by_rule(config: JudgeConfig, instructions: Iterable[tuple[str, str]]) -> Iterator[TaskList]:
    return (TaskList(sentences(text)) for _, text in instructions)


def _list_by_judge(config: JudgeConfig, instructions: Iterable[tuple[str, str]]) -> Iterator[TaskList]:
    requests = (Request(f"{name}/tasks", {"instruction": text}) for name, text in instructions)
    for judged in send_requests(config, requests, lambda _, reply: bool(parse_task_list(complete_text(reply)))):
        tasks = parse_task_list(complete_text(judged.last))
        yield TaskList(tasks, **verdict_fields(judged, bool(tasks)))


LISTERS: dict[str, Callable[[JudgeConfig, Iterable[tuple[str, str]]], Iterator[TaskList]]] = {
    "judge": _list_by_judge, "sentences": _list_by_rule,
}  # fmt: skip
"""`lister` in params.yaml -> a function that lists the tasks of each (id, instruction): the judge, whose prompt file
gets `instruction`, or the rule that each sentence is a task."""


def check_tasks(config: JudgeConfig, cases: Iterable[TaskCase]) -> Iterator[TaskVerdicts]:
    """The verdicts for each case, in order; a case without tasks causes no request and has none.

    reading "stated": one request a response; the prompt file gets `instruction`, `tasks` (numbered lines), `response`
    and `count`. "scores": one request a task, answered by Yes or No; it gets `instruction`, `task` and `response`.
    Raises UserError where a calibration request fails.
    """
    return (_check_by_scores if config.reading == "scores" else _check_by_statement)(config, cases)


def _check_by_statement(config: JudgeConfig, cases: Iterable[TaskCase]) -> Iterator[TaskVerdicts]:
    for judged in send_requests(config, map(_request, cases), lambda request, reply: bool(_parse(request, reply))):
        yield _stated_verdicts(judged) if judged.replies else _no_tasks()


def _request(case: TaskCase) -> Request:
    if not case.tasks:
        return Request(case.id, {})
    numbered = "\n".join(f"{number}. {task}" for number, task in enumerate(case.tasks, 1))
    values = {
        "instruction": case.instruction, "tasks": numbered, "response": case.response, "count": str(len(case.tasks)),
    }  # fmt: skip
    return Request(case.id, values)


def _parse(request: Request, reply: Reply) -> tuple[float, ...]:
    return parse_task_verdicts(complete_text(reply), int(request.values["count"]))


def _stated_verdicts(judged: JudgedRequest) -> TaskVerdicts:
    done = _parse(judged.request, judged.last)
    return TaskVerdicts(done, **verdict_fields(judged, bool(done)))


def _no_tasks() -> TaskVerdicts:
    return TaskVerdicts((), reason="no-tasks")


def _check_by_scores(config: JudgeConfig, cases: Iterable[TaskCase]) -> Iterator[TaskVerdicts]:
    bias = measure_bias(config, YES_NO, ("instruction", "task", "response"))
    kept = list(cases)
    requests = (
        Request(f"{case.id}/{number}", {"instruction": case.instruction, "task": task, "response": case.response})
        for case in kept
        for number, task in enumerate(case.tasks, 1)
    )
    judged = send_requests(config, requests, lambda _, reply: share_of_yes(reply, bias) is not None, YES_NO)
    for case in kept:
        yield _scored_verdicts(list(islice(judged, len(case.tasks))), bias) if case.tasks else _no_tasks()


def share_of_yes(reply: Reply, bias: dict[str, float]) -> float | None:
    """The calibrated probability of Yes against No, in [0, 1]; 1 or 0 by the text where the engine reports no scores;
    None where the text is neither."""
    if shares := verdict_shares(reply, bias):
        return shares["Yes"]
    return {"yes": 1.0, "no": 0.0}.get(complete_text(reply).strip().strip(".").lower())


def _scored_verdicts(judged: list[JudgedRequest], bias: dict[str, float]) -> TaskVerdicts:
    shares = [share_of_yes(each.last, bias) for each in judged]
    missing = next((each for each, share in zip(judged, shares, strict=True) if share is None), None)
    return TaskVerdicts(
        () if missing else tuple(round(share, 6) for share in shares if share is not None),
        reason=missing_reason(missing.last) if missing else "",
        replies=tuple(key for each in judged for key in each.keys),
        text_hashes=tuple(text_hash for each in judged for text_hash in each.text_hashes),
        judge=judged[-1].last.model,
        text="\n".join(each.last.text for each in judged),
    )
