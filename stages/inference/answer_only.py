"""Removes the model's reasoning from replies before a stage gets them, whatever the engine and the step.

The reply store keeps complete replies, so this applies to earlier replies as well, and a change here needs no request.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.core.cli import remark
from stages.core.completions import Complete, Prompt, Reply, ask
from stages.params import Reasoning
from stages.reasoning import Parts, closes_reasoning, split_reasoning

NO_ANSWER = "reasoning without an answer"
"""Why a reply has the status thought."""


class AnswersOnly:
    """A `Complete` that removes the reasoning from the replies of another one, and counts them."""

    def __init__(self, complete: Complete, reasoning: Reasoning) -> None:
        """`reasoning`: the engine's section of params.yaml."""
        self._complete, self._reasoning = complete, reasoning
        self._with_reasoning = self._without_answer = 0

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies to `prompts`, same order and number.

        Where `reasoning.room` is not 0, a prompt whose reply has no answer is sent once more with so many tokens more,
        as another request with a key of its own; the reply to that one counts.
        """
        first = self._first_answers(prompts)
        if not self._reasoning.room:
            return (reply for _, reply in first)
        return self._second_answers(first)

    def _first_answers(self, prompts: Iterable[Prompt]) -> Iterator[tuple[Prompt, Reply]]:
        for prompt, reply in ask(self._complete, prompts, lambda prompt: prompt):
            if reply is not None:
                yield prompt, self._answer(prompt, reply)

    def _second_answers(self, first: Iterator[tuple[Prompt, Reply]]) -> Iterator[Reply]:
        for (prompt, reply), second in ask(self._complete, first, self._with_more_tokens):
            yield reply if second is None else self._answer(prompt, second)

    def _with_more_tokens(self, pair: tuple[Prompt, Reply]) -> Prompt | None:
        prompt, reply = pair
        if reply.status != "thought":
            return None
        max_tokens = prompt.sampling.max_tokens + self._reasoning.room
        sampling = msgspec.structs.replace(prompt.sampling, max_tokens=max_tokens)
        return msgspec.structs.replace(prompt, sampling=sampling)

    def _answer(self, prompt: Prompt, reply: Reply) -> Reply:
        answer = without_reasoning(prompt, reply, self._reasoning)
        self._with_reasoning += answer.text != reply.text or bool(reply.reasoning)
        self._without_answer += answer.status == "thought"
        return answer

    def summarise(self) -> None:
        """Print one line on how many replies had reasoning; nothing where none had."""
        if self._with_reasoning:
            advice = "; raise max_tokens, or set `room` of the engine's `reasoning`" if self._without_answer else ""
            remark(
                f"reasoning removed from {self._with_reasoning:,} replies, {self._without_answer:,} of which have no "
                f"answer and count as thought{advice}"
            )


def without_reasoning(prompt: Prompt, reply: Reply, reasoning: Reasoning) -> Reply:
    """The reply without the model's reasoning; with status thought where nothing else is left.

    Scores of choices are removed as well: they are those of the beginning of the reasoning.
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
