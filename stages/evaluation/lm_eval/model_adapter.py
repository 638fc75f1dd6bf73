"""A model as lm-eval sees it, over a `Complete`: log-likelihoods of choices, and generated text."""

import json
from collections.abc import Sequence
from itertools import groupby

import msgspec
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from stages.core.completions import Complete, Constraint, Message, Prompt, Reply, draw_seed
from stages.core.errors import UserError
from stages.core.records import digest
from stages.evaluation.benchmarks.predictions import Way

GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0}


class Model(LM):  # type: ignore[misc]
    """Greedy, whatever the sampling of `way`, of which only max_tokens counts: so lm-eval's tasks want it.

    `replies` holds what the model replied, by the context that it was asked with. Whether a choice would also have been
    written by itself is not known, so tasks that score `is_greedy` get False.
    """

    def __init__(self, complete: Complete, way: Way) -> None:
        """Asks through `complete`; with a chat template unless `way.raw`."""
        super().__init__()
        self.replies: dict[str, Reply] = {}
        self._complete, self._way = complete, way

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """(log-probability of the continuation, False) for each (context, continuation); choices of one context are
        weighed together. Not a number where the model could not be asked.

        Raises UserError if the engine reports no log-probabilities.
        """
        groups = [(context, [request.args[1] for request in some]) for context, some in groupby(requests, _context)]
        prompts = [self._prompt(context, 1, Constraint(tuple(dict.fromkeys(some)))) for context, some in groups]
        found: list[tuple[float, bool]] = []
        for (context, continuations), reply in zip(groups, self._complete(prompts), strict=True):
            self.replies[context] = reply
            if reply.status == "ok" and not reply.scores:
                raise UserError(
                    "params.yaml: engines.tuned: this engine gives no log-probabilities of choices, which MMLU and ARC "
                    "need; use embedded or transformers"
                )
            found += [(reply.scores.get(text, float("nan")), False) for text in continuations]
        return found

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """The text up to the first of `until`, or max_tokens, for each (context, options)."""
        prompts = [
            self._prompt(request.args[0], self._way.sampling.max_tokens, None, request.args[1].get("until", ()))
            for request in requests
        ]
        for request, reply in zip(requests, self._complete(prompts), strict=True):
            self.replies[request.args[0]] = reply
        return [self.replies[request.args[0]].text for request in requests]

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """Perplexity, which none of our benchmarks asks for."""
        raise TypeError("perplexity can't be had through a chat of prompts and replies")

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The messages as a text that `_messages` reads: the engine renders them with the model's own template."""
        return json.dumps(chat_history, ensure_ascii=False)

    @property
    def tokenizer_name(self) -> str:
        """Named by lm-eval's cache of requests, which is not used."""
        return self._way.run

    def _prompt(self, context: str, limit: int, choices: Constraint | None, until: Sequence[str] = ()) -> Prompt:
        sampling = msgspec.structs.replace(self._way.sampling, **GREEDY, max_tokens=limit, stop=tuple(until))
        name = digest(context, 16)
        return Prompt(
            messages=(Message("user", context),) if self._way.raw else _messages(context),
            sampling=sampling,
            seed=draw_seed(self._way.seed, name, "harness"),
            constraint=choices,
            purpose=f"{name}/answer",
            raw=self._way.raw,
        )


def _context(request: Instance) -> str:
    return str(request.args[0])


def _messages(context: str) -> tuple[Message, ...]:
    return tuple(msgspec.json.decode(context, type=list[Message]))
