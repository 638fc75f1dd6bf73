"""Answers become scores: by the benchmark's rule, by running them, or by a judge where only a judge can tell."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any, NamedTuple, Protocol

import msgspec

from stages.core.completions import ask
from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.program_outcomes import Execute, NoSandbox, Outcome, Program
from stages.evaluation.benchmarks.questions import Answer, Judged, Question, Score, user_text
from stages.evaluation.benchmarks.score_statistics import pass_at_k, summary

Exchange = tuple[str, str, str]
"""What a judge sees: (id, instruction, response)."""
Pair = tuple[Question, Answer]


class Opinion(Judged, Protocol):
    """What a judge makes of an exchange."""

    @property
    def values(self) -> dict[str, float]:
        """Metric -> value; empty if it is unscored."""


Judge = Callable[[Iterable[Exchange | None]], Iterator[Opinion | None]]
"""An opinion for each exchange, in order; None passes by unasked."""
Resemble = Callable[[Iterable[tuple[str, str]]], Iterator[float]]
"""How alike each (text, reference) is, by a model; same order and number."""


class Graders(NamedTuple):
    """What may be needed to grade an answer beyond a rule."""

    judge: Judge
    execute: Execute
    resemble: Resemble | None = None


def evaluate_all(
    benchmarks: Mapping[str, tuple[Iterable[Question], Iterable[Answer]]], graders: Graders, pass_at: Sequence[int]
) -> Iterator[tuple[str, list[Score], dict[str, Any]]]:
    """Each benchmark's name with its scores and what they add up to, see `evaluate`.

    Raises NoSandbox where programs can't be run, but not before everything else is scored.
    """
    refused: NoSandbox | None = None
    for name, (questions, answers) in benchmarks.items():
        try:
            found = evaluate(questions, answers, graders, pass_at)
        except NoSandbox as error:
            refused = NoSandbox(f"{name} is not scored, all others are: {error}")
        else:
            yield name, *found
    if refused:
        raise refused


def evaluate(
    questions: Iterable[Question], answers: Iterable[Answer], graders: Graders, pass_at: Sequence[int]
) -> tuple[list[Score], dict[str, Any]]:
    """Every answer's score in order, and what they add up to (see `statistics.summary`).

    Raises UserError for an answer to a question that is not among `questions`.
    """
    found = list(scores({question.id: question for question in questions}, answers, graders))
    found = with_pass_at_k(found, pass_at)
    return found, summary(found)


def with_pass_at_k(scores: Sequence[Score], ks: Iterable[int]) -> list[Score]:
    """The scores of programs with pass@k added to the first answer of each question, for every k of `ks` up to the
    number of its samples; all other scores unchanged.

    Every scored answer counts as a sample. The mean over the scores with pass@k is the mean over questions.
    """
    samples: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        if "passed" in score.values:
            samples[score.question].append(score)
    estimates = {
        some[0].id: {
            f"pass@{k}": pass_at_k(len(some), sum(score.values["passed"] > 0 for score in some), k)
            for k in ks if k <= len(some)
        }
        for some in samples.values()
    }  # fmt: skip
    return [msgspec.structs.replace(score, values=score.values | estimates.get(score.id, {})) for score in scores]


def scores(questions: Mapping[str, Question], answers: Iterable[Answer], graders: Graders) -> Iterator[Score]:
    """Lazily. Only programs are executed, and the judge is asked only about texts that nothing else can grade."""
    compared = _compared(graders.resemble, _paired(questions, answers))
    ran, shown = tee(ask(graders.execute, compared, lambda item: _program(item[0])))
    opinions = graders.judge(_exchange(pair) for (pair, _), _ in shown)
    for (((question, answer), alike), outcome), opinion in zip(ran, opinions, strict=True):
        if outcome:
            yield _executed(question, answer, outcome)
        else:
            yield _judged(question, answer, opinion) if opinion else _graded(question, answer, alike)


def _compared(resemble: Resemble | None, pairs: Iterator[Pair]) -> Iterator[tuple[Pair, float | None]]:
    """Each pair with how alike answer and reference are; None where nobody asks."""
    return ask(resemble, pairs, _likeness) if resemble else ((pair, None) for pair in pairs)


def _likeness(pair: Pair) -> tuple[str, str] | None:
    question, answer = pair
    asked = BENCHMARKS[question.benchmark].bertscore and question.reference and answer.has_text
    return (answer.text, question.reference) if asked else None


def _paired(questions: Mapping[str, Question], answers: Iterable[Answer]) -> Iterator[Pair]:
    for answer in answers:
        if answer.question not in questions:
            raise UserError(f"answer {answer.id}: there is no question {answer.question}; answer the benchmark again")
        yield questions[answer.question], answer


def _exchange(pair: Pair) -> Exchange | None:
    question, answer = pair
    benchmark = BENCHMARKS[question.benchmark]
    if not benchmark.judge or not answer.has_text:
        return None
    return answer.id, user_text(question), answer.text


def _program(pair: Pair) -> Program | None:
    question, answer = pair
    program = BENCHMARKS[question.benchmark].program
    return program(question, answer.text) if program and answer.has_text else None


def _executed(question: Question, answer: Answer, outcome: Outcome) -> Score:
    said = f"{outcome.ending}: {outcome.detail}" if outcome.detail else outcome.ending
    return _score(question, answer, values={"passed": float(outcome.ending == "passed")}, verdict=said)


def _graded(question: Question, answer: Answer, alike: float | None) -> Score:
    benchmark = BENCHMARKS[question.benchmark]
    if answer.has_text and benchmark.grade_choices:
        values = benchmark.grade_choices(question, answer.scores) if answer.scores else {}
        return _score(question, answer, values=values, reason="" if values else "answer-no-scores")
    if answer.has_text and benchmark.grade:
        values = benchmark.grade(question, answer.text)
        reason = "" if values else "answer-unread" if answer.text.strip() else "answer-empty"
        values = values if alike is None else {**values, "bertscore": alike}
        return _score(question, answer, values=values, reason=reason)
    return _score(question, answer, reason=f"answer-{answer.status}")


def _judged(question: Question, answer: Answer, opinion: Opinion) -> Score:
    return _score(
        question, answer, values=opinion.values, reason=opinion.reason, replies=opinion.replies,
        text_hashes=opinion.text_hashes, judge=opinion.judge, verdict=opinion.text,
    )  # fmt: skip


def _score(question: Question, answer: Answer, **found: Any) -> Score:
    return Score(
        id=answer.id,
        question=question.id,
        item=question.item,
        run=answer.run,
        language=question.language,
        group=question.group,
        tasks=question.tasks,
        status=answer.status,
        **found,
    )
