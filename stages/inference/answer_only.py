"""What a stage gets of a reply: the answer without the model's reasoning, whatever the engine and the step.

The reply store keeps replies as they came, so replies stored before profit as well, and another rule needs no request.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.core.cli import remark
from stages.core.completions import Complete, Prompt, Reply, ask
from stages.params import Reasoning
from stages.reasoning import Parts, closes_reasoning, split_reasoning

NO_ANSWER = "reasoning without an answer"
"""Why a reply has the status thought."""


class Answers:
    """A `Complete` that takes the reasoning off what another one replies, and counts where there was any."""

    def __init__(self, complete: Complete, reasoning: Reasoning) -> None:
        """`reasoning`: as params.yaml says it of the engine."""
        self._complete, self._reasoning = complete, reasoning
        self._reasoned = self._unanswered = 0

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies to `prompts`, same order and number.

        Where `room` is not 0, a prompt whose reply has no answer is asked once more with so many tokens more, as
        another request with a key of its own; the reply to that one counts.
        """
        first = self._asked(prompts)
        if not self._reasoning.room:
            return (reply for _, reply in first)
        return self._asked_again(first)

    def _asked(self, prompts: Iterable[Prompt]) -> Iterator[tuple[Prompt, Reply]]:
        for prompt, reply in ask(self._complete, prompts, lambda prompt: prompt):
            if reply is not None:
                yield prompt, self._answer(prompt, reply)

    def _asked_again(self, first: Iterator[tuple[Prompt, Reply]]) -> Iterator[Reply]:
        for (prompt, reply), second in ask(self._complete, first, self._roomier):
            yield reply if second is None else self._answer(prompt, second)

    def _roomier(self, pair: tuple[Prompt, Reply]) -> Prompt | None:
        prompt, reply = pair
        if reply.status != "thought":
            return None
        most = prompt.sampling.max_tokens + self._reasoning.room
        return msgspec.structs.replace(prompt, sampling=msgspec.structs.replace(prompt.sampling, max_tokens=most))

    def _answer(self, prompt: Prompt, reply: Reply) -> Reply:
        answer = answered(prompt, reply, self._reasoning)
        self._reasoned += answer.text != reply.text or bool(reply.reasoning)
        self._unanswered += answer.status == "thought"
        return answer

    def summarise(self) -> None:
        """One line for people on how many replies held reasoning; nothing where none did."""
        if self._reasoned:
            advice = "; raise max_tokens, or set `room` of the engine's `reasoning`" if self._unanswered else ""
            remark(
                f"reasoning taken off {self._reasoned:,} replies, {self._unanswered:,} of which hold no answer and "
                f"count as thought{advice}"
            )


def answered(prompt: Prompt, reply: Reply, reasoning: Reasoning) -> Reply:
    """The reply without the model's reasoning; with status thought where there is nothing else.

    Scores of choices are left out with it: they were taken where the reasoning began.
    """
    if reply.status not in ("ok", "truncated"):
        return reply
    parts = _parts(prompt, reply, reasoning)
    if parts.answer == reply.text and not reply.reasoning:
        return reply
    kept = "\n\n".join(filter(None, (reply.reasoning.strip(), parts.reasoning))) if reasoning.keep else ""
    if parts.answer.strip():
        return msgspec.structs.replace(reply, text=parts.answer, scores={}, reasoning=kept)
    return msgspec.structs.replace(reply, text="", status="thought", error=NO_ANSWER, scores={}, reasoning=kept)


def _parts(prompt: Prompt, reply: Reply, reasoning: Reasoning) -> Parts:
    chosen = prompt.constraint is not None and reply.text in prompt.constraint.choice
    if chosen:
        return Parts("", reply.text)
    free = prompt.constraint is None and not prompt.continue_final and not reply.reasoning
    if reasoning.opened and free and not closes_reasoning(reply.text):
        return Parts(reply.text.strip(), "")
    return split_reasoning(reply.text, ended=reply.status == "ok")
