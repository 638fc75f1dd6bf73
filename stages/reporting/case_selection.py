"""Case studies: which questions are shown with the answers of all runs, chosen by rule and never by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec

from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Answer, Question, Score, user_text
from stages.verified.verified_rows import Check

MOST = 600
"""Questions of one benchmark that are drawn."""
EXTREMES = 12
"""Largest gains, and as many largest losses, of each planned comparison that are kept beside those drawn."""
Pair = tuple[str, str]
"""A baseline and a treatment."""
Scores = Mapping[str, Sequence[Score]]
"""Run -> its scores on one benchmark."""


class TaskMark(NamedTuple):
    """What became of one task of a question in one answer."""

    label: str
    """The task, or its right answer; "" where neither is known by itself."""
    values: Mapping[str, float]
    """attempted and accuracy of a rule, or done of a judge, in [0, 1]."""


class CaseAnswer(NamedTuple):
    """One run's answer to a question, with its scores."""

    status: str
    text: str
    values: Mapping[str, float]
    reason: str
    """Why it has no score, "" where it has one."""
    verdict: str
    """The judge's words, "" without a judge."""
    marks: Sequence[TaskMark]


class Case(NamedTuple):
    """A question with the answers of the runs."""

    benchmark: str
    question: str
    """Question.id."""
    text: str
    gold: Sequence[str]
    language: str
    group: str
    tasks: int
    drawn: bool
    """Whether the seed drew it; False for one that is here for its gain or loss alone."""
    answers: Mapping[str, CaseAnswer]
    """By run."""


class CaseSet(NamedTuple):
    """The cases of one benchmark, those drawn first, in the order of the draw."""

    benchmark: str
    measure: str
    """The main measure, by which gains and losses are taken."""
    questions: int
    """Questions that any run answered."""
    cases: Sequence[Case]


class Extremes(NamedTuple):
    """Cases of one benchmark for two runs, by rule."""

    gains: Sequence[Case]
    losses: Sequence[Case]
    random: Sequence[Case]


def draw(seed: int, name: str) -> tuple[float, str]:
    """The place of an item in the order that the seed draws; the same whatever other items there are."""
    return Random(f"{seed}:{name}:shown").random(), name


def chosen(scores: Scores, pairs: Iterable[Pair], measure: str, seed: int, most: int = MOST) -> tuple[list[str], int]:
    """Ids of the questions to show, and how many of them, from the first, the seed drew.

    Drawn are `most` of all questions. After them come the largest gains and losses of each pair; ties in draw order.
    """
    order = sorted({score.question for some in scores.values() for score in some}, key=lambda id: draw(seed, id))
    kept = dict.fromkeys(order[:most])
    count = len(kept)
    values = {run: values_of(some, measure) for run, some in scores.items()}
    for baseline, treatment in pairs:
        before, after = values.get(baseline, {}), values.get(treatment, {})
        changes = {id: after[id] - before[id] for id in order if id in before and id in after}
        for sign in (1, -1):
            ranked = sorted((id for id in changes if sign * changes[id] > 0), key=lambda id: -sign * changes[id])
            kept |= dict.fromkeys(ranked[:EXTREMES])
    return list(kept), count


def main_measure_of(benchmark: str, scores: Scores) -> str:
    """The measure that cases are chosen by: the declared main one if any score has it, else the first by name."""
    measures = {measure for some in scores.values() for score in some for measure in score.values}
    declared = BENCHMARKS.get(benchmark)
    return declared.main_measure if declared and declared.main_measure in measures else min(measures, default="")


def values_of(scores: Iterable[Score], measure: str) -> dict[str, float]:
    """Question -> the value of a measure for the first answer to it."""
    values: dict[str, float] = {}
    for score in scores:
        if measure in score.values:
            values.setdefault(score.question, score.values[measure])
    return values


def case_set(
    name: str, measure: str, questions: Iterable[Question], answers: Mapping[str, Iterable[Answer]], scores: Scores,
    judged: Mapping[str, Sequence[Any]], pairs: Iterable[Pair], seed: int, most: int = MOST,
) -> CaseSet:  # fmt: skip
    """The cases of a benchmark. judged: run -> scores of single tasks (`task_scores.TaskScore`), if any."""
    ids, count = chosen(scores, pairs, measure, seed, most)
    places = {id: place for place, id in enumerate(ids)}
    known = sorted((q for q in questions if q.id in places), key=lambda question: places[question.id])
    by_run = {run: _answers(known, some, scores[run], judged.get(run, ())) for run, some in answers.items()}
    cases = [
        Case(
            name, q.id, user_text(q), q.gold, q.language, q.group, q.tasks, places[q.id] < count,
            {run: some[q.id] for run, some in by_run.items() if q.id in some},
        )
        for q in known
    ]  # fmt: skip
    return CaseSet(name, measure, len({score.question for some in scores.values() for score in some}), cases)


def _answers(
    questions: Sequence[Question], answers: Iterable[Answer], scores: Sequence[Score], judged: Sequence[Any]
) -> dict[str, CaseAnswer]:  # fmt: skip
    """Question -> the first answer of one run with its scores."""
    by_id = {question.id: question for question in questions}
    score_by_id = {score.id: score for score in scores}
    tasks = {row.question: row for row in judged if not row.control}
    result: dict[str, CaseAnswer] = {}
    for answer in answers:
        score = score_by_id.get(answer.id)
        if answer.question not in by_id or answer.question in result or score is None:
            continue
        marks = list(_marks(by_id[answer.question], answer, tasks.get(answer.question)))
        result[answer.question] = CaseAnswer(
            answer.status, answer.text, score.values, score.reason, score.verdict, marks
        )  # fmt: skip
    return result


def _marks(question: Question, answer: Answer, judged: Any) -> Iterator[TaskMark]:
    """The checks of a rule, and the marks of a judge."""
    declared = BENCHMARKS.get(question.benchmark)
    if declared and declared.grade_steps and answer.has_text:
        steps = declared.grade_steps(question, answer.text)
        for label, values in zip(_labels(question, len(steps)), steps, strict=True):
            yield TaskMark(label, values)
    if judged is not None and len(judged.marks) == len(judged.listed):
        for task, share in zip(judged.listed, judged.marks, strict=True):
            yield TaskMark(task, {"done": share})


def _labels(question: Question, count: int) -> list[str]:
    if question.benchmark == "verified":
        checks = msgspec.json.decode(question.meta["checks"], type=list[Check])
        return [f"{check.task}: {check.answer}" for check in checks]
    return list(question.gold) if len(question.gold) == count else [""] * count


def extremes(cases: Iterable[Case], baseline: str, treatment: str, measure: str, each: int) -> Extremes:
    """The largest gains and losses of the treatment, then as many others that the seed drew."""
    changed, others = [], []
    for case in cases:
        values = [case.answers[run].values.get(measure) for run in (baseline, treatment) if run in case.answers]
        if len(values) == 2 and values[0] is not None and values[1] is not None:
            changed.append((values[1] - values[0], case))
    gains = [case for change, case in sorted(changed, key=lambda pair: -pair[0]) if change > 0][:each]
    losses = [case for change, case in sorted(changed, key=lambda pair: pair[0]) if change < 0][:each]
    others = [case for _, case in changed if case.drawn and case not in gains and case not in losses]
    return Extremes(gains, losses, others[:each])
