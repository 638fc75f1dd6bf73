"""What the engines `vllm` and `ray` share: a prompt as token sequences for vLLM, and the reply in their outcomes.

Sequences and outcomes are plain values, so that one engine computes them in this process and the other on a cluster,
with the same result. Tested with vLLM 0.32.0 (CPU); nothing here imports vLLM.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.inference.chat_template import ChatTemplate, cut_at_stop
from stages.inference.engine_interface import required_reference
from stages.inference.prompt_requirements import choices_of, draw_choice
from stages.reply_store.identity import Identity, Reference
from stages.reply_store.keys import seed_of

EAGER = {"TORCHDYNAMO_DISABLE": "1"}
"""Environment for `eager`: without it vLLM still compiles a function for log-probabilities, for a minute on a CPU."""
Positive = Annotated[int, msgspec.Meta(ge=1)]


class VllmOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of both engines in params.yaml: how vLLM runs a model."""

    version: Annotated[str, msgspec.Meta(pattern=r"^\d+(\.\d+)+$")]
    """Of vLLM; it decides replies. Set here and not detected, so that cached replies need no vLLM."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Of weights and activations."""
    max_model_len: Positive
    """Tokens of a prompt and its reply together."""
    sequences: Positive
    """Most sequences computed at once (vLLM's max_num_seqs)."""
    tensor_parallel: Positive
    """GPUs that share one copy of the model."""
    memory: Annotated[float, msgspec.Meta(gt=0, le=1)]
    """Share of a GPU's memory (of the machine's, on a CPU) for weights and KV cache; it fails where less is free."""
    prefix_caching: bool
    """Compute a shared beginning of prompts once. Replies then depend in the last digits on earlier prompts."""
    eager: bool
    """Don't capture CUDA graphs: slower, but faster to start."""

    def arguments(self) -> dict[str, Any]:
        """The same as vLLM's own arguments."""
        return {
            "dtype": self.dtype, "max_model_len": self.max_model_len, "max_num_seqs": self.sequences,
            "tensor_parallel_size": self.tensor_parallel, "gpu_memory_utilization": self.memory,
            "enable_prefix_caching": self.prefix_caching, "enforce_eager": self.eager,
            "logprobs_mode": "raw_logprobs",   # before a mask: choices are scored by it
        }  # fmt: skip


def vllm_identity(reference: Reference | None, options: VllmOptions, engine: str) -> Identity:
    """The identity of both engines: they run the same vLLM, so a cluster's replies are cached for one machine too."""
    model = required_reference(reference, engine).identity
    return Identity(model, f"vllm:{options.version}:{options.dtype}:{options.max_model_len}")


class SequenceRequest(NamedTuple):
    """Tokens to continue, and vLLM's SamplingParams by name: `structured_outputs` is {"regex": …} or None."""

    ids: list[int]
    params: dict[str, Any]


class SequenceResult(NamedTuple):
    """The new tokens of a sequence, and the log-probability of the first where it was requested."""

    ids: list[int]
    score: float = 0.0
    error: str = ""
    """Why there are no tokens; "" where there are."""


class SequenceCodec:
    """Translates prompts into sequence requests, and their results into replies, with a model's tokenizer."""

    def __init__(self, directory: Path, context: int) -> None:
        """`directory`: a Transformers directory. `context`: most tokens of a prompt and its reply together."""
        self.chat = ChatTemplate(directory)
        self._context = context

    def requests(self, prompt: Prompt) -> list[SequenceRequest] | Reply:
        """One request, or one for each token of the prompt's choices; a failed reply where none can be made."""
        try:
            ids = self.chat.ids(prompt)
        except UserError as error:
            return Reply("", "failed", 0, 0, str(error))
        choices = self._choices(prompt)
        max_new_tokens = min(prompt.sampling.max_tokens, self._context - len(ids))
        if not ids or max_new_tokens < 1 or len(ids) + max(map(len, choices), default=0) > self._context:
            reason = f"{len(ids)} tokens do not fit the model's context of {self._context}"
            return Reply("", "failed", len(ids), 0, reason)
        if not all(choices):
            return Reply("", "failed", len(ids), 0, "one of the choices is empty")
        return [_forced_request([*ids, *prefix], token) for prefix, token in _steps(choices)] or [
            self._free_request(prompt, ids, max_new_tokens)
        ]

    def reply(self, prompt: Prompt, requests: Sequence[SequenceRequest], results: Sequence[SequenceResult]) -> Reply:
        """The reply of the results of a prompt's requests, in the same order."""
        length = min(len(request.ids) for request in requests)
        if error := next((result.error for result in results if result.error), ""):
            return Reply("", "failed", length, 0, " ".join(error.split())[:300])
        choices = self._choices(prompt)
        if choices:
            return _choice_reply(prompt, choices, length, results)
        return self.chat.reply(
            prompt, self._free_reply(prompt, length, results[0].ids, requests[0].params["max_tokens"])
        )

    def _choices(self, prompt: Prompt) -> list[list[int]]:
        return [list(self.chat.tokenizer.encode(name, add_special_tokens=False).ids) for name in choices_of(prompt)]

    def _free_request(self, prompt: Prompt, ids: list[int], max_new_tokens: int) -> SequenceRequest:
        sampling, constraint = prompt.sampling, prompt.constraint
        params = {
            "temperature": float(sampling.temperature), "top_p": float(sampling.top_p), "top_k": sampling.top_k,
            "max_tokens": max_new_tokens, "seed": seed_of(prompt), "stop": list(sampling.stop),
            "stop_token_ids": sorted(self.chat.ends), "detokenize": bool(sampling.stop), "logprobs": None,
            "allowed_token_ids": None, "structured_outputs": {"regex": constraint.regex} if constraint else None,
        }  # fmt: skip
        return SequenceRequest(ids, params)

    def _free_reply(self, prompt: Prompt, length: int, ids: list[int], max_new_tokens: int) -> Reply:
        end = next((place for place, token in enumerate(ids) if token in self.chat.ends), len(ids))
        text, stopped = cut_at_stop(self.chat.decode(ids[:end]), prompt.sampling.stop)
        if stopped or end < len(ids) or len(ids) < max_new_tokens:
            return Reply(text, "ok", length, len(ids))
        # A reply cut in the middle of a character ends with half of it.
        return Reply(text.rstrip("\ufffd"), "truncated", length, len(ids))


def _steps(choices: Sequence[Sequence[int]]) -> list[tuple[tuple[int, ...], int]]:
    """(tokens before, token) for every token of every choice; once where choices have a common beginning."""
    every = [(tuple(choice[:place]), choice[place]) for choice in choices for place in range(len(choice))]
    return list(dict.fromkeys(every))


def _forced_request(ids: list[int], token: int) -> SequenceRequest:
    """A request that allows only `token`, for its log-probability: with prefix caching, it costs one token."""
    params = {
        "temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_tokens": 1, "seed": 0, "stop": [], "stop_token_ids": [],
        "detokenize": False, "logprobs": 0, "allowed_token_ids": [token], "structured_outputs": None,
    }  # fmt: skip
    return SequenceRequest(ids, params)


def _choice_reply(prompt: Prompt, choices: list[list[int]], length: int, results: Sequence[SequenceResult]) -> Reply:
    names = choices_of(prompt)
    by_step = {step: result.score for step, result in zip(_steps(choices), results, strict=True)}
    scores = [
        round(sum(by_step[tuple(choice[:place]), choice[place]] for place in range(len(choice))), 6)
        for choice in choices
    ]
    text = draw_choice(names, scores, prompt)
    return Reply(text, "ok", length, len(choices[names.index(text)]), scores=dict(zip(names, scores, strict=True)))
