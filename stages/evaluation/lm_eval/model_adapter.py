"""lm-eval's model interface over a `Complete`: log-likelihoods of choices, and generated text."""

import json
from collections.abc import Sequence
from itertools import groupby

import msgspec
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from stages.core.completions import Complete, Constraint, Message, Prompt, Reply, draw_seed
from stages.core.errors import UserError
from stages.core.records import digest
from stages.evaluation.benchmarks.predictions import GenerationConfig

GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 0}


class Model(LM):  # type: ignore[misc]
    """Decodes greedily, as lm-eval's tasks require; of the sampling only max_tokens is used.

    `replies` holds the replies by the context of their request. `is_greedy` is not known and always False.
    """

    def __init__(self, complete: Complete, config: GenerationConfig) -> None:
        """complete: receives every request, with the model's chat template unless `config.raw`."""
        super().__init__()
        self.replies: dict[str, Reply] = {}
        self._complete, self._config = complete, config

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """(log-probability of the continuation, False) for each (context, continuation); the choices of one context go
        into one request. NaN where the request failed.

        Raises UserError if the engine reports no log-probabilities.
        """
        groups = [(context, [request.args[1] for request in group]) for context, group in groupby(requests, _context)]
        prompts = [self._prompt(context, 1, Constraint(tuple(dict.fromkeys(choices)))) for context, choices in groups]
        results: list[tuple[float, bool]] = []
        for (context, continuations), reply in zip(groups, self._complete(prompts), strict=True):
            self.replies[context] = reply
            if reply.status == "ok" and not reply.scores:
                raise UserError(
                    "params.yaml: engines.tuned: this engine gives no log-probabilities of choices, which MMLU and ARC "
                    "need; use embedded or transformers"
                )
            results += [(reply.scores.get(text, float("nan")), False) for text in continuations]
        return results

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """The text of each (context, options), up to the first of `until` or max_tokens."""
        prompts = [
            self._prompt(request.args[0], self._config.sampling.max_tokens, None, request.args[1].get("until", ()))
            for request in requests
        ]
        for request, reply in zip(requests, self._complete(prompts), strict=True):
            self.replies[request.args[0]] = reply
        return [self.replies[request.args[0]].text for request in requests]

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """Perplexity. Raises TypeError: no benchmark uses it, and `Complete` can't compute it."""
        raise TypeError("perplexity can't be computed from prompts and replies")

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The messages as JSON for `_messages`; the engine renders them with the model's own template."""
        return json.dumps(chat_history, ensure_ascii=False)

    @property
    def tokenizer_name(self) -> str:
        """Part of lm-eval's interface; only its cache of requests, which is not used, needs it."""
        return self._config.run

    def _prompt(self, context: str, limit: int, choices: Constraint | None, until: Sequence[str] = ()) -> Prompt:
        sampling = msgspec.structs.replace(self._config.sampling, **GREEDY, max_tokens=limit, stop=tuple(until))
        name = digest(context, 16)
        return Prompt(
            messages=(Message("user", context),) if self._config.raw else _messages(context),
            sampling=sampling,
            seed=draw_seed(self._config.seed, name, "harness"),
            constraint=choices,
            purpose=f"{name}/answer",
            raw=self._config.raw,
        )


def _context(request: Instance) -> str:
    return str(request.args[0])


def _messages(context: str) -> tuple[Message, ...]:
    return tuple(msgspec.json.decode(context, type=list[Message]))
