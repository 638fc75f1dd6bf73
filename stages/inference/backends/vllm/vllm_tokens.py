"""A prompt as the token sequences that vLLM is asked to go on with, and the reply that their outcome makes.

Plain values, so that vllm.py computes them in this process and ray.py on a cluster, with the same result. Rendering and
reading are those of the other local engines (chat.py). Run with vLLM 0.32.0 (CPU); nothing here imports it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.inference.chat_template import Chat, cut
from stages.inference.choice_scoring import draw, offered
from stages.inference.options import needed
from stages.reply_store.identity import Identity, Reference
from stages.reply_store.keys import seed_of

EAGER = {"TORCHDYNAMO_DISABLE": "1"}
"""Variables for `eager`: vLLM compiles a small function for log-probabilities all the same, on a CPU for a minute."""
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How vLLM runs a model; every field stands in params.yaml."""

    version: Annotated[str, msgspec.Meta(pattern=r"^\d+(\.\d+)+$")]
    """vLLM's; it decides replies. Named here and not looked up, so that remembered replies need no vLLM."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Of weights and activations."""
    max_model_len: Positive
    """Tokens of a prompt and its reply together."""
    sequences: Positive
    """Most that are computed at once (vLLM's max_num_seqs)."""
    tensor_parallel: Positive
    """GPUs that share one copy of the model."""
    memory: Annotated[float, msgspec.Meta(gt=0, le=1)]
    """Share of a GPU's memory (of the machine's, on a CPU) for weights and KV cache; it fails where less is free."""
    prefix_caching: bool
    """Compute a beginning that prompts share once. Replies then depend in the last digits on who came before."""
    eager: bool
    """Don't capture CUDA graphs: slower, but up sooner."""

    def arguments(self) -> dict[str, Any]:
        """The same as vLLM's own arguments."""
        return {
            "dtype": self.dtype, "max_model_len": self.max_model_len, "max_num_seqs": self.sequences,
            "tensor_parallel_size": self.tensor_parallel, "gpu_memory_utilization": self.memory,
            "enable_prefix_caching": self.prefix_caching, "enforce_eager": self.eager,
            "logprobs_mode": "raw_logprobs",   # before a mask: choices are scored by it
        }  # fmt: skip


def identity(reference: Reference | None, settings: Settings, engine: str) -> Identity:
    """Who answers. Both engines are the same vLLM, so replies had on a cluster are remembered on one machine too."""
    model = needed(reference, engine).identity
    return Identity(model, f"vllm:{settings.version}:{settings.dtype}:{settings.max_model_len}")


class Piece(NamedTuple):
    """Tokens to go on with, and vLLM's SamplingParams by name: `structured_outputs` is {"regex": …} or None."""

    ids: list[int]
    params: dict[str, Any]


class Made(NamedTuple):
    """What became of a piece: its new tokens, and the log-probability of the first where it was asked for."""

    ids: list[int]
    score: float = 0.0
    error: str = ""
    """Why nothing was made, "" if something was."""


class Sequences:
    """A model's side: from prompts to pieces, from what they became to replies."""

    def __init__(self, directory: Path, context: int) -> None:
        """`directory` is a Transformers directory, `context` tokens are computed at most."""
        self.chat = Chat(directory)
        self._context = context

    def pieces(self, prompt: Prompt) -> list[Piece] | Reply:
        """One piece, or one for each token of the prompt's choices; a reply where nothing can be asked."""
        try:
            ids = self.chat.ids(prompt)
        except UserError as error:
            return Reply("", "failed", 0, 0, str(error))
        choices = self._choices(prompt)
        room = min(prompt.sampling.max_tokens, self._context - len(ids))
        if not ids or room < 1 or len(ids) + max(map(len, choices), default=0) > self._context:
            reason = f"{len(ids)} tokens do not fit the model's context of {self._context}"
            return Reply("", "failed", len(ids), 0, reason)
        if not all(choices):
            return Reply("", "failed", len(ids), 0, "one of the choices is empty")
        return [_forced([*ids, *begun], token) for begun, token in _steps(choices)] or [self._drawn(prompt, ids, room)]

    def reply(self, prompt: Prompt, pieces: Sequence[Piece], made: Sequence[Made]) -> Reply:
        """The reply that the pieces of a prompt have become."""
        length = min(len(piece.ids) for piece in pieces)
        if error := next((one.error for one in made if one.error), ""):
            return Reply("", "failed", length, 0, " ".join(error.split())[:300])
        choices = self._choices(prompt)
        if choices:
            return _chosen(prompt, choices, length, made)
        return self.chat.reply(prompt, self._written(prompt, length, made[0].ids, pieces[0].params["max_tokens"]))

    def _choices(self, prompt: Prompt) -> list[list[int]]:
        return [list(self.chat.tokenizer.encode(name, add_special_tokens=False).ids) for name in offered(prompt)]

    def _drawn(self, prompt: Prompt, ids: list[int], room: int) -> Piece:
        sampling, constraint = prompt.sampling, prompt.constraint
        params = {
            "temperature": float(sampling.temperature), "top_p": float(sampling.top_p), "top_k": sampling.top_k,
            "max_tokens": room, "seed": seed_of(prompt), "stop": list(sampling.stop),
            "stop_token_ids": sorted(self.chat.ends), "detokenize": bool(sampling.stop), "logprobs": None,
            "allowed_token_ids": None, "structured_outputs": {"regex": constraint.regex} if constraint else None,
        }  # fmt: skip
        return Piece(ids, params)

    def _written(self, prompt: Prompt, length: int, ids: list[int], room: int) -> Reply:
        end = next((place for place, token in enumerate(ids) if token in self.chat.ends), len(ids))
        text, stopped = cut(self.chat.decode(ids[:end]), prompt.sampling.stop)
        if stopped or end < len(ids) or len(ids) < room:
            return Reply(text, "ok", length, len(ids))
        # A reply cut in the middle of a character ends with half of it.
        return Reply(text.rstrip("\ufffd"), "truncated", length, len(ids))


def _steps(choices: Sequence[Sequence[int]]) -> list[tuple[tuple[int, ...], int]]:
    """Every token of every choice with those before it, once where choices begin alike."""
    every = [(tuple(choice[:place]), choice[place]) for choice in choices for place in range(len(choice))]
    return list(dict.fromkeys(every))


def _forced(ids: list[int], token: int) -> Piece:
    """The one token may come, and its probability is told: with prefix caching, a token's worth of computing."""
    params = {
        "temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_tokens": 1, "seed": 0, "stop": [], "stop_token_ids": [],
        "detokenize": False, "logprobs": 0, "allowed_token_ids": [token], "structured_outputs": None,
    }  # fmt: skip
    return Piece(ids, params)


def _chosen(prompt: Prompt, choices: list[list[int]], length: int, made: Sequence[Made]) -> Reply:
    names = offered(prompt)
    known = {step: one.score for step, one in zip(_steps(choices), made, strict=True)}
    scores = [
        round(sum(known[tuple(choice[:place]), choice[place]] for place in range(len(choice))), 6) for choice in choices
    ]
    text = draw(names, scores, prompt)
    return Reply(text, "ok", length, len(choices[names.index(text)]), scores=dict(zip(names, scores, strict=True)))
