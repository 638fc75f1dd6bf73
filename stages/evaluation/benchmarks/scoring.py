"""Score answers: by the benchmark's rule, by running programs, by choice scores, or by the judge."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any, NamedTuple

import msgspec

from stages.core.completions import ask
from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.program_outcomes import Execute, NoSandbox, Outcome, Program
from stages.evaluation.benchmarks.questions import Answer, Question, Score, user_text
from stages.evaluation.benchmarks.score_statistics import Estimate, metric_means, pass_at_k, summary
from stages.evaluation.verdict_types import Exchange, RateResponses, Rating

Pair = tuple[Question, Answer]
Similarity = Callable[[Iterable[tuple[str, str]]], Iterator[float]]
"""The similarity of each (text, reference) by a model, in [0, 1]; same order and number."""


class Graders(NamedTuple):
    """What scores answers beside the rules of the benchmarks."""

    judge: RateResponses
    execute: Execute
    similarity: Similarity | None = None


def evaluate_all(
    benchmarks: Mapping[str, tuple[Iterable[Question], Iterable[Answer]]], graders: Graders, pass_at: Sequence[int]
) -> Iterator[tuple[str, list[Score], dict[str, Any]]]:
    """Each benchmark's name with its scores and their summary, see `evaluate`.

    Raises NoSandbox where programs can't be run, after all other benchmarks are scored.
    """
    refused: NoSandbox | None = None
    for name, (questions, answers) in benchmarks.items():
        try:
            scores, total = evaluate(questions, answers, graders, pass_at)
        except NoSandbox as error:
            refused = NoSandbox(f"{name} is not scored, all others are: {error}")
        else:
            yield name, scores, total
    if refused:
        raise refused


def evaluate(
    questions: Iterable[Question], answers: Iterable[Answer], graders: Graders, pass_at: Sequence[int]
) -> tuple[list[Score], dict[str, Any]]:
    """The score of every answer in order, and their `score_statistics.summary`; where there are any, with positions and
    left_out (see `position_means` and `left_out`).

    Raises UserError for an answer to a question that is not among `questions`.
    """
    by_id, answers = {question.id: question for question in questions}, list(answers)
    scores = with_pass_at_k(list(score_answers(by_id, answers, graders)), pass_at)
    parts = {"positions": position_means(by_id, zip(answers, scores, strict=True)), "left_out": left_out(by_id, scores)}
    return scores, summary(scores) | {name: part for name, part in parts.items() if part}


def left_out(questions: Mapping[str, Question], scores: Iterable[Score]) -> dict[str, dict[str, int]]:
    """Metric -> why it means nothing for some questions, in words -> the number of their answers."""
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for score in scores:
        question = questions[score.question]
        for metric, reason in BENCHMARKS[question.benchmark].left_out(question).items():
            reasons[metric][reason] += 1
    return {metric: dict(counts) for metric, counts in reasons.items()}


def position_means(
    questions: Mapping[str, Question], answers: Iterable[tuple[Answer, Score]]
) -> dict[str, dict[str, Estimate]]:
    """Position of a task in its sequence, from 1 -> metric -> its mean; {} where tasks are not graded one by one."""
    by_position: dict[int, list[Score]] = defaultdict(list)
    for answer, score in answers:
        question = questions[answer.question]
        steps = BENCHMARKS[question.benchmark].grade_steps if answer.has_text else None
        for position, values in enumerate(steps(question, answer.text) if steps else (), 1):
            by_position[position].append(msgspec.structs.replace(score, values=values))
    return {str(position): metric_means(by_position[position]) for position in sorted(by_position)}


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
        own[0].id: {
            f"pass@{k}": pass_at_k(len(own), sum(score.values["passed"] > 0 for score in own), k)
            for k in ks if k <= len(own)
        }
        for own in samples.values()
    }  # fmt: skip
    return [msgspec.structs.replace(score, values=score.values | estimates.get(score.id, {})) for score in scores]


def score_answers(questions: Mapping[str, Question], answers: Iterable[Answer], graders: Graders) -> Iterator[Score]:
    """The score of every answer in order, lazily. Only programs are run; the judge gets only the answers of benchmarks
    that it scores.

    Raises UserError for an answer to a question that is not among `questions`.
    """
    with_similarity = _similarities(graders.similarity, _pairs(questions, answers))
    executed, for_judge = tee(ask(graders.execute, with_similarity, lambda item: _program(item[0])))
    ratings = graders.judge(_exchange(pair) for (pair, _), _ in for_judge)
    for (((question, answer), similarity), outcome), rating in zip(executed, ratings, strict=True):
        if outcome:
            yield _outcome_score(question, answer, outcome)
        elif rating:
            yield _rating_score(question, answer, rating)
        else:
            yield _rule_score(question, answer, similarity)


def _similarities(similarity: Similarity | None, pairs: Iterator[Pair]) -> Iterator[tuple[Pair, float | None]]:
    """Each pair with the similarity of answer and reference; None where it is not measured."""
    return ask(similarity, pairs, _compared_texts) if similarity else ((pair, None) for pair in pairs)


def _compared_texts(pair: Pair) -> tuple[str, str] | None:
    question, answer = pair
    compared = BENCHMARKS[question.benchmark].bertscore and question.reference and answer.has_text
    return (answer.text, question.reference) if compared else None


def _pairs(questions: Mapping[str, Question], answers: Iterable[Answer]) -> Iterator[Pair]:
    for answer in answers:
        if answer.question not in questions:
            raise UserError(f"answer {answer.id}: there is no question {answer.question}; answer the benchmark again")
        yield questions[answer.question], answer


def _exchange(pair: Pair) -> Exchange | None:
    question, answer = pair
    if not BENCHMARKS[question.benchmark].judge or not answer.has_text:
        return None
    return Exchange(answer.id, user_text(question), answer.text)


def _program(pair: Pair) -> Program | None:
    question, answer = pair
    program = BENCHMARKS[question.benchmark].program
    return program(question, answer.text) if program and answer.has_text else None


def _outcome_score(question: Question, answer: Answer, outcome: Outcome) -> Score:
    verdict = f"{outcome.ending}: {outcome.detail}" if outcome.detail else outcome.ending
    return _score(question, answer, values={"passed": float(outcome.ending == "passed")}, verdict=verdict)


def _rule_score(question: Question, answer: Answer, similarity: float | None) -> Score:
    benchmark = BENCHMARKS[question.benchmark]
    if answer.has_text and benchmark.grade_choices:
        values = benchmark.grade_choices(question, answer.scores) if answer.scores else {}
        return _score(question, answer, values=values, reason="" if values else "answer-no-scores")
    if answer.has_text and benchmark.grade:
        values = benchmark.grade(question, answer.text)
        values = {metric: value for metric, value in values.items() if metric not in benchmark.left_out(question)}
        reason = "" if values else "answer-unread" if answer.text.strip() else "answer-empty"
        values = values if similarity is None else {**values, "bertscore": similarity}
        return _score(question, answer, values=values, reason=reason)
    return _score(question, answer, reason=f"answer-{answer.status}")


def _rating_score(question: Question, answer: Answer, rating: Rating) -> Score:
    return _score(
        question, answer, values=rating.values, reason=rating.reason, replies=rating.replies,
        text_hashes=rating.text_hashes, judge=rating.judge, verdict=rating.text,
    )  # fmt: skip


def _score(question: Question, answer: Answer, **fields: Any) -> Score:
    return Score(
        id=answer.id,
        question=question.id,
        item=question.item,
        run=answer.run,
        language=question.language,
        group=question.group,
        tasks=question.tasks,
        status=answer.status,
        **fields,
    )
