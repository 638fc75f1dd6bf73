"""Answer questions of any benchmark, some of them through lm-evaluation-harness; every request goes through `Complete`.

The tasks are lm-eval's own files (mmlu, arc_challenge, gsm8k), with a question's document and worked examples in place
of the data that they would download. https://github.com/EleutherAI/lm-evaluation-harness
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from stages.core.completions import Capabilities, Complete
from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS, predictions
from stages.evaluation.benchmarks.predictions import GenerationConfig
from stages.evaluation.benchmarks.questions import Answer, Question

__all__ = ["GenerationConfig", "answer_all", "answer_questions", "require_capabilities"]


def require_capabilities(
    capabilities: Capabilities,
    engine: str,
    run: str,
    benchmarks: Mapping[str, tuple[Sequence[Question], GenerationConfig]],
) -> None:
    """Raise UserError for the first benchmark that needs a capability that the engine lacks."""
    remedy = f"name the benchmarks that it can answer as `benchmarks` of train.runs.{run} or predict.models.{run}"
    for name, (questions, _) in benchmarks.items():
        by_choices = next((q.benchmark for q in questions if BENCHMARKS[q.benchmark].grade_choices), "")
        if by_choices and not capabilities.choice_scores:
            raise UserError(
                f"predict.benchmarks.{name}: {by_choices} is scored by the log-probabilities of its choices, which "
                f"{engine} does not give; use engine embedded, transformers, vllm or ray, set `scores` of engine "
                f"openai where the server has /v1/completions, or {remedy}"
            )
        if not capabilities.images and any(q.images for q in questions):
            raise UserError(
                f"predict.benchmarks.{name}: its questions show pictures, and {engine} takes text alone; set `images: "
                f"captions` for it, use engine openai with `api: chat`, or {remedy}"
            )


def answer_all(
    complete: Complete, benchmarks: Mapping[str, tuple[Iterable[Question], GenerationConfig]]
) -> Iterator[tuple[str, Answer]]:
    """(name of the benchmark, answer) for all questions of all benchmarks, see `answer_questions`."""
    for name, (questions, config) in benchmarks.items():
        for answer in answer_questions(complete, questions, config):
            yield name, answer


def answer_questions(complete: Complete, questions: Iterable[Question], config: GenerationConfig) -> Iterator[Answer]:
    """The answers to questions of any benchmark, in order; those of lm-eval's benchmarks through lm-eval.

    Raises UserError for a question whose task lm-eval does not have.
    """
    for by_lm_eval, group in groupby(questions, key=lambda question: BENCHMARKS[question.benchmark].lm_eval):
        if by_lm_eval:
            from stages.evaluation.lm_eval.run_tasks import run_tasks

            yield from run_tasks(complete, list(group), config)
        else:
            yield from predictions.generate_answers(complete, group, config)
