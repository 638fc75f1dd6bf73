"""A model under test answers questions; nothing is judged here."""

from collections.abc import Iterable, Iterator
from functools import partial

from stages.benchmarks.questions import Answer, Question, user_text
from stages.messages import Complete, Message, Prompt, Reply, Sampling, ask, draw_seed
from stages.records import digest

Asked = tuple[Question, int]
"""A question and which sample of the answer this is."""


def answers(
    complete: Complete, questions: Iterable[Question], run: str, sampling: Sampling, seed: int, samples: int = 1
) -> Iterator[Answer]:
    """`samples` answers to every question, in order; a reply that failed or was refused keeps its status."""
    asked = ((question, sample) for question in questions for sample in range(samples))
    for (question, sample), reply in ask(complete, asked, partial(_prompt, run, sampling, seed)):
        if reply is not None:
            yield _answer(question, sample, run, reply)


def _prompt(run: str, sampling: Sampling, seed: int, asked: Asked) -> Prompt:
    question, sample = asked
    return Prompt(
        messages=(Message("user", user_text(question)),),
        sampling=sampling,
        # The run is not part of the seed: two runs differ in their weights only.
        seed=draw_seed(seed, question.id, f"answer/{sample}"),
        sample=sample,
        purpose=f"{run}/{question.id}",
        prefix=digest(question.instruction, 16) if question.input else "",
    )


def _answer(question: Question, sample: int, run: str, reply: Reply) -> Answer:
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
    )
