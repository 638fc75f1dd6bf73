"""lm-evaluation-harness asks a model under test; every request goes through the house's `Complete`, and is remembered.

The tasks are lm-eval's own files (mmlu, arc_challenge, gsm8k), with a question's document and worked examples in place
of what they would download. https://github.com/EleutherAI/lm-evaluation-harness
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from stages.benchmarks import BENCHMARKS, answering
from stages.benchmarks.answering import Way
from stages.benchmarks.questions import Answer, Question
from stages.messages import Complete

__all__ = ["Way", "answered", "answers"]


def answered(
    complete: Complete, benchmarks: Mapping[str, tuple[Iterable[Question], Way]]
) -> Iterator[tuple[str, Answer]]:
    """The answers to each benchmark's questions, as `answers` has them, with the benchmark's name."""
    for name, (questions, way) in benchmarks.items():
        for answer in answers(complete, questions, way):
            yield name, answer


def answers(complete: Complete, questions: Iterable[Question], way: Way) -> Iterator[Answer]:
    """The answers to questions of any benchmark, in order: some are asked by lm-eval, the others as they stand.

    Raises UserError for a question whose task lm-eval does not have.
    """
    for through, some in groupby(questions, key=lambda question: BENCHMARKS[question.benchmark].harness):
        if through:
            from stages.harness.evaluation import evaluated

            yield from evaluated(complete, list(some), way)
        else:
            yield from answering.answers(complete, some, way)
