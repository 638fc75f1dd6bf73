"""A model under test answers questions; nothing is judged here."""

from collections.abc import Iterable, Iterator
from functools import partial

import msgspec

from stages.core.completions import Complete, Message, Prompt, Reply, Sampling, ask, draw_seed
from stages.core.records import digest
from stages.evaluation.benchmarks.questions import Answer, Question, user_text

Asked = tuple[Question, int]
"""A question and which sample of the answer this is."""


class Way(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run is asked."""

    run: str
    sampling: Sampling
    seed: int
    samples: int = 1
    """Answers to each question."""
    raw: bool = False
    """Without the model's chat template, as base models are asked."""


def answers(complete: Complete, questions: Iterable[Question], way: Way) -> Iterator[Answer]:
    """`way.samples` answers to every question, in order; a reply that failed or was refused keeps its status."""
    asked = ((question, sample) for question in questions for sample in range(way.samples))
    for (question, sample), reply in ask(complete, asked, partial(_prompt, way)):
        if reply is not None:
            yield answered(question, sample, way.run, reply)


def _prompt(way: Way, asked: Asked) -> Prompt:
    question, sample = asked
    return Prompt(
        messages=(Message("user", user_text(question), question.images),),
        sampling=way.sampling,
        # The run is not part of the seed: two runs differ in their weights only.
        seed=draw_seed(way.seed, question.id, f"answer/{sample}"),
        sample=sample,
        purpose=f"{question.id}/answer",
        prefix=digest(question.instruction, 16) if question.input else "",
        raw=way.raw,
    )


def answered(question: Question, sample: int, run: str, reply: Reply) -> Answer:
    """A reply as the answer that it is."""
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
