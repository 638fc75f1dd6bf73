"""Answer the questions of a benchmark by a model under test."""

from collections.abc import Iterable, Iterator
from functools import partial

import msgspec

from stages.core.completions import Complete, Message, Prompt, Reply, Sampling, ask, draw_seed
from stages.core.records import digest
from stages.evaluation.benchmarks.questions import Answer, Question, user_text


class GenerationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run answers a benchmark."""

    run: str
    sampling: Sampling
    seed: int
    samples: int = 1
    """Answers to each question."""
    raw: bool = False
    """Without the model's chat template, as base models are prompted."""


def generate_answers(
    complete: Complete, questions: Iterable[Question], config: GenerationConfig
) -> Iterator[Answer]:  # fmt: skip
    """`config.samples` answers to every question, in order; a reply that failed or was refused keeps its status."""
    samples = ((question, sample) for question in questions for sample in range(config.samples))
    for (question, sample), reply in ask(complete, samples, partial(_prompt, config)):
        if reply is not None:
            yield to_answer(question, sample, config.run, reply)


def _prompt(config: GenerationConfig, item: tuple[Question, int]) -> Prompt:
    """item: a question, and the number of the sample from 0."""
    question, sample = item
    return Prompt(
        messages=(Message("user", user_text(question), question.images),),
        sampling=config.sampling,
        # The run is not part of the seed: two runs differ in their weights only.
        seed=draw_seed(config.seed, question.id, f"answer/{sample}"),
        sample=sample,
        purpose=f"{question.id}/answer",
        prefix=digest(question.instruction, 16) if question.input else "",
        raw=config.raw,
    )


def to_answer(question: Question, sample: int, run: str, reply: Reply) -> Answer:
    """The answer that a reply is."""
    return Answer(
        id=f"{question.id}/{sample}",
        question=question.id,
        run=run,
        text=reply.text,
        status=reply.status,
        sample=sample,
        reply=reply.id,
        model=reply.model,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        error=reply.error,
        scores=reply.scores,
        text_hash=reply.text_hash,
        reasoning=reply.reasoning or msgspec.UNSET,
    )
