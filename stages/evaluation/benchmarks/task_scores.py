"""Score answers task by task: which tasks of a sequence are done, by their number and by their position."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stages.evaluation.benchmarks.questions import Answer, Question, Score, user_text
from stages.evaluation.benchmarks.sampling import JudgeSample, sample_questions, swap_answers
from stages.evaluation.benchmarks.score_statistics import compare, metric_means, summary, trends
from stages.evaluation.verdict_types import CheckTasks, ListTasks, TaskCase, TaskList, TaskVerdicts

Pair = tuple[Question, Answer]


class TaskJudge(NamedTuple):
    """Lists the tasks of an instruction, and checks responses against them."""

    list_tasks: ListTasks
    check_tasks: CheckTasks


class TaskScore(Score, frozen=True):
    """An answer scored task by task; values: following (1 if every task is done) and done (the share of its tasks).

    `tasks` is the number of tasks listed, `group` the number that the question was made with.
    """

    listed: tuple[str, ...] = ()
    marks: tuple[float, ...] = ()
    """For each task a value in [0, 1], done above 0.5."""
    control: bool = False
    """Whether it is the answer to another question, checked against the tasks of this one."""


def score_tasks(
    questions: Sequence[Question], answers: Iterable[Answer], judge: TaskJudge, sample: JudgeSample
) -> tuple[list[TaskScore], dict[str, Any]]:
    """The scores of all answers, then those of the controls, and their summary (see `summarize`).

    An answer without a text, or whose question has no task list, is unscored; its tasks do not count as undone.
    """
    sampled = {q.id: q for q in sample_questions(questions, sample.size, sample.seed)}
    instructions = [(q.id, user_text(q)) for q in sampled.values()]
    lists = dict(zip(sampled, judge.list_tasks(instructions), strict=True))
    pairs = [(sampled[a.question], a) for a in answers if a.question in sampled and a.sample == 0]
    checkable = [pair for pair in pairs if pair[1].has_text and lists[pair[0].id].tasks]
    swapped = swap_answers(checkable[: sample.controls])
    cases = [*(_case(pair, lists, "tasks") for pair in checkable), *(_case(pair, lists, "control") for pair in swapped)]
    verdicts = judge.check_tasks(cases)
    checked = {pair[1].id: _checked(pair, lists, next(verdicts)) for pair in checkable}
    scores = [checked.get(pair[1].id) or _unscored(pair, lists) for pair in pairs]
    controls = [_checked(pair, lists, each, control=True) for pair, each in zip(swapped, verdicts, strict=True)]
    return [*scores, *controls], summarize(scores, controls, sample)


def _case(pair: Pair, lists: Mapping[str, TaskList], kind: str) -> TaskCase:
    question, answer = pair
    return TaskCase(
        f"{question.id}/{answer.run}/{kind}", lists[question.id].tasks, user_text(question), answer.text
    )  # fmt: skip


def _checked(
    pair: Pair, lists: Mapping[str, TaskList], verdicts: TaskVerdicts, control: bool = False
) -> TaskScore:  # fmt: skip
    listed = lists[pair[0].id]
    done = [float(share > 0.5) for share in verdicts.done]
    values = {"following": float(all(done)), "done": sum(done) / len(done)} if done else {}
    return _score(
        pair, listed, control, values=values, reason=verdicts.reason, marks=verdicts.done, judge=verdicts.judge,
        replies=(*listed.replies, *verdicts.replies), text_hashes=(*listed.text_hashes, *verdicts.text_hashes),
        verdict=verdicts.text,
    )  # fmt: skip


def _unscored(pair: Pair, lists: Mapping[str, TaskList]) -> TaskScore:
    listed = lists[pair[0].id]
    reason = (listed.reason or "no-tasks") if pair[1].has_text else f"answer-{pair[1].status}"
    return _score(pair, listed, False, reason=reason, replies=listed.replies, text_hashes=listed.text_hashes)


def _score(pair: Pair, listed: TaskList, control: bool, **fields: Any) -> TaskScore:
    question, answer = pair
    return TaskScore(
        id=f"{question.id}/{'control' if control else answer.sample}", question=question.id, item=question.item,
        run=answer.run, language=question.language, group=str(question.tasks), tasks=max(1, len(listed.tasks)),
        status=answer.status, listed=listed.tasks, control=control, **fields,
    )  # fmt: skip


def summarize(scores: Sequence[TaskScore], controls: Sequence[TaskScore], sample: JudgeSample) -> dict[str, Any]:
    """The summary of task scores, from the rows alone.

    Beside `score_statistics.summary` (by number of tasks, with the trend): positions (share done of the first task, the
    second, …), places (of the first, a middle, the last task of a sequence), position_slope (change from one task to
    the next), control (share of tasks done, own answers minus swapped ones).
    """
    single = [task for score in scores for task in _task_rows(score)]
    positions = {str(n): [t for t in single if t.tasks == n] for n in sorted({t.tasks for t in single})}
    places = {name: [t for t in single if t.group == name] for name in ("first", "middle", "last")}
    return {
        **summary(scores),
        "positions": {name: metric_means(rows)["done"] for name, rows in positions.items()},
        "places": {name: metric_means(rows)["done"] for name, rows in places.items() if rows},
        "position_slope": trends(single),
        "control": compare(controls, scores, "done", sample.seed),
    }


def _task_rows(score: TaskScore) -> Iterator[Score]:
    """One score for each task of an answer: `tasks` is its position from 1, `group` its place in a sequence."""
    for position, share in enumerate(score.marks, 1):
        place = "first" if position == 1 else "last" if position == len(score.marks) else "middle"
        yield msgspec.structs.replace(
            score, tasks=position, group=place if len(score.marks) > 1 else "", values={"done": float(share > 0.5)}
        )
