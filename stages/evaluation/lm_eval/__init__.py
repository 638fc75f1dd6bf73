"""lm-evaluation-harness asks a model under test; every request goes through the house's `Complete`, and is remembered.

The tasks are lm-eval's own files (mmlu, arc_challenge, gsm8k), with a question's document and worked examples in place
of what they would download. https://github.com/EleutherAI/lm-evaluation-harness
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from stages.core.completions import Capabilities, Complete
from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS, predictions
from stages.evaluation.benchmarks.predictions import Way
from stages.evaluation.benchmarks.questions import Answer, Question

__all__ = ["Way", "answered", "answers", "require"]


def require(
    capabilities: Capabilities, engine: str, run: str, benchmarks: Mapping[str, tuple[Sequence[Question], Way]]
) -> None:
    """Raises UserError for the first benchmark that needs of the engine what it can't do, before anything is asked."""
    way_out = f"name the benchmarks that it can answer under predict.runs.{run}.benchmarks"
    for name, (questions, _) in benchmarks.items():
        weighed = next((q.benchmark for q in questions if BENCHMARKS[q.benchmark].grade_choices), "")
        if weighed and not capabilities.choice_scores:
            raise UserError(
                f"predict.benchmarks.{name}: {weighed} is scored by the log-probabilities of its choices, which "
                f"{engine} does not give; use engine embedded, transformers, vllm or ray, set `scores` of engine "
                f"openai where the server has /v1/completions, or {way_out}"
            )
        if not capabilities.images and any(q.images for q in questions):
            raise UserError(
                f"predict.benchmarks.{name}: its questions show pictures, and {engine} takes text alone; set `images: "
                f"captions` for it, use engine openai with `api: chat`, or {way_out}"
            )


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
    for through, some in groupby(questions, key=lambda question: BENCHMARKS[question.benchmark].lm_eval):
        if through:
            from stages.evaluation.lm_eval.run_tasks import evaluated

            yield from evaluated(complete, list(some), way)
        else:
            yield from predictions.answers(complete, some, way)
