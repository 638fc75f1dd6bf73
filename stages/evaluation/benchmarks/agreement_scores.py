"""Score the same answers by a second judge, and measure how far both judges agree."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.program_outcomes import Outcome, Program
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.sampling import sample_questions
from stages.evaluation.benchmarks.score_statistics import agreement, summary
from stages.evaluation.benchmarks.scoring import Graders, score_answers
from stages.evaluation.verdict_types import RateResponses


def score_again(
    questions: Sequence[Question], answers: Iterable[Answer], first: Iterable[Score], rate: RateResponses,
    sample: int | None, seed: int, resamples: int,
) -> tuple[list[Score], dict[str, Any]]:  # fmt: skip
    """The second judge's scores, and their summary with the agreement on each metric that both judges give.

    first: the first judge's scores. Raises UserError for a benchmark that no judge scores.
    """
    sampled = {q.id: q for q in sample_questions(questions, sample, seed)}
    if by_rule := {q.benchmark for q in sampled.values() if not BENCHMARKS[q.benchmark].judge}:
        raise UserError(
            f"params.yaml: judge_agreement: {min(by_rule)} is scored by a rule, not by a judge; remove the entry"
        )
    chosen = [answer for answer in answers if answer.question in sampled]
    second = list(score_answers(sampled, chosen, Graders(rate, _run_nothing)))
    first_by_id = {score.id: score for score in first}
    pairs = [(first_by_id[score.id], score) for score in second if score.id in first_by_id]
    return second, {**summary(second), "agreement": _agreement(pairs, seed, resamples)}


def _run_nothing(programs: Iterable[Program]) -> Iterator[Outcome]:
    """No benchmark that a judge scores has programs."""
    return iter(())


def _agreement(pairs: Sequence[tuple[Score, Score]], seed: int, resamples: int) -> dict[str, Any]:
    metrics = sorted({metric for one, two in pairs for metric in one.values.keys() & two.values.keys()})
    return {
        metric: agreement(
            [(one.item, one.values[metric], two.values[metric]) for one, two in pairs
             if metric in one.values and metric in two.values],
            seed, resamples,
        )
        for metric in metrics
    }  # fmt: skip
