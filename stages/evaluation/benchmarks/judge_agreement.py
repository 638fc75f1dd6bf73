"""A second judge on the same answers, and how far the two agree."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.program_outcomes import Outcome, Program
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.sampling import sampled
from stages.evaluation.benchmarks.score_statistics import agreement, summary
from stages.evaluation.benchmarks.scoring import Graders, Judge, scores


def review(
    questions: Sequence[Question], answers: Iterable[Answer], first: Iterable[Score], judge: Judge,
    sample: int | None, seed: int, resamples: int,
) -> tuple[list[Score], dict[str, Any]]:  # fmt: skip
    """The second judge's scores, and their summary with the agreement on each metric that both judges give.

    first: the first judge's scores. Raises UserError for a benchmark that is scored by a rule: nobody judged it.
    """
    asked = {q.id: q for q in sampled(questions, sample, seed)}
    if ruled := {q.benchmark for q in asked.values() if not BENCHMARKS[q.benchmark].judge}:
        raise UserError(f"params.yaml: review: {min(ruled)} is scored by a rule, not by a judge; remove the entry")
    second = list(scores(asked, [answer for answer in answers if answer.question in asked], Graders(judge, _never)))
    before = {score.id: score for score in first}
    pairs = [(before[score.id], score) for score in second if score.id in before]
    return second, {**summary(second), "agreement": _agreement(pairs, seed, resamples)}


def _never(programs: Iterable[Program]) -> Iterator[Outcome]:
    """Nothing that a judge grades is executed."""
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
