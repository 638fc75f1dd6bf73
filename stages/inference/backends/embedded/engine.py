"""The engine `embedded`: OpenVINO's continuous batching on a CPU. No server, no torch; a model loads in seconds.

A reply depends on the prompt, its seed and, in the last digits, on the call it was computed in; the same call gives
the same bytes in any process on the same kind of CPU. Prefix caching is off for that reason: what is cached was
computed among other prompts.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

from stages.core import artifacts
from stages.core.completions import Capabilities, Prompt, Reply
from stages.core.errors import UserError
from stages.inference.backends.embedded.choice_scorer import ChoiceScorer
from stages.inference.backends.embedded.openvino_export import Weights, export, export_graph
from stages.inference.chat_template import ChatTemplate, cut_at_stop
from stages.inference.engine_interface import Backend, read_options, required_reference
from stages.inference.local_engine import Batches, LocalEngine
from stages.inference.prompt_requirements import choices_of, draw_choice
from stages.reply_store.identity import Identity, Reference
from stages.reply_store.keys import seed_of

if TYPE_CHECKING:
    from openvino_genai import GenerationConfig


CALL_TOKENS = 32_768
"""New tokens that a call of more than one batch may have: it is stored whole, and this much a kill -9 can lose."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's options in params.yaml."""

    batch: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Sequences computed together."""
    threads: Annotated[int, msgspec.Meta(ge=1)]
    """CPU threads."""
    precision: Literal["native", "f32"]
    """Of activations. native: the fastest of the CPU (bfloat16 where it has it). f32: the same tokens as Transformers,
    whatever else is in the batch, at a third of the speed."""
    call: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Batches of prompts in one call of the pipeline, in which a finished reply makes room for the next prompt at once.
    The last replies of a call run almost alone, which costs most where few replies are long. Changes last digits."""
    weights: Weights = "float16"
    """As exported. int8: rounded, each 32 of a row with one scale (GGUF's Q8_0), which changes replies."""

    @property
    def numerics(self) -> str:
        """What of the options decides replies, as part of the identity."""
        return self.precision if self.weights == "float16" else f"{self.precision}:{self.weights}"

    def properties(self) -> dict[str, Any]:
        """The same as OpenVINO's properties."""
        exact = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"} if self.precision == "f32" else {}
        return {"INFERENCE_NUM_THREADS": self.threads, "ENABLE_CPU_PINNING": False, **exact}


class EncodedPrompt(NamedTuple):
    """A prompt and its token ids."""

    prompt: Prompt
    ids: list[int]
    max_new_tokens: int
    """The tokens that the context has left, at most `max_tokens`."""


class Embedded(LocalEngine):
    """An engine with one model in memory."""

    def __init__(self, directory: Path, options: Options, identity: str) -> None:
        """Loads the model; `directory` is a Transformers directory."""
        import openvino_genai

        self.identity = identity
        self._options = options
        self._chat = ChatTemplate(directory)
        self._folder = export(directory, options.weights)
        self._context: int = artifacts.read_json(directory / "config.json", dict[str, Any])["max_position_embeddings"]
        self._scorer: ChoiceScorer | None = None
        self._batches = Batches(options.call * options.batch, self._replies, options.batch, CALL_TOKENS)
        self._faults: dict[str, str] = {}
        config = (
            openvino_genai.SchedulerConfig()
        )  # a cache that grows: prompts differ too much in length to say how large
        config.max_num_seqs, config.max_num_batched_tokens = options.batch, max(2048, options.batch)
        config.enable_prefix_caching = False
        try:
            self._pipeline = openvino_genai.ContinuousBatchingPipeline(
                str(self._folder / "model.gguf"), config, "CPU", options.properties()
            )
        except (RuntimeError, IndexError) as error:  # of the C++ below, which knows fewer models than llama.cpp
            raise UserError(
                f"{directory}: OpenVINO can't run this model ({_reason(error)}); set `engine: transformers`"
            ) from None

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) a call of the pipeline."""
        return self._batches.answer(prompts)

    def _replies(self, prompts: list[Prompt]) -> list[Reply]:
        encoded = [self._encode(prompt) for prompt in prompts]
        replies = [one if isinstance(one, Reply) else None for one in encoded]
        for compute, with_choices in ((self._choose, True), (self._generate, False)):
            places = [
                place
                for place, one in enumerate(encoded)
                if isinstance(one, EncodedPrompt) and bool(choices_of(one.prompt)) is with_choices
            ]
            some = [one for place in places if isinstance(one := encoded[place], EncodedPrompt)]
            for place, reply in zip(places, compute(some) if some else [], strict=True):
                replies[place] = reply
        return [
            self._chat.reply(prompt, reply)
            for prompt, reply in zip(prompts, replies, strict=True) if reply is not None
        ]  # fmt: skip

    def _encode(self, prompt: Prompt) -> EncodedPrompt | Reply:
        try:
            ids = self._chat.ids(prompt)
        except UserError as error:
            return Reply("", "failed", 0, 0, str(error))
        if fault := self._fault(prompt):
            return Reply("", "failed", len(ids), 0, fault)
        max_new_tokens = min(prompt.sampling.max_tokens, self._context - len(ids))
        if max_new_tokens < 1 or not ids:
            return Reply(
                "", "failed", len(ids), 0, f"{len(ids)} tokens do not fit the model's context of {self._context}"
            )
        return EncodedPrompt(prompt, ids, max_new_tokens)

    def _fault(self, prompt: Prompt) -> str:
        """Why a prompt's constraint can't be enforced; "" if it can."""
        if not all(choices_of(prompt)):
            return "one of the choices is empty"
        regex = prompt.constraint.regex if prompt.constraint else ""
        if regex and regex not in self._faults:
            # Computed alone first: OpenVINO 2026.4 ends the process (a segmentation fault) for a broken regular
            # expression in a batch with other prompts.
            (reply,) = self._generate([EncodedPrompt(prompt, [min(self._chat.ends, default=0)], 1)])
            self._faults[regex] = reply.error
        return self._faults.get(regex, "")

    def _generate(self, encoded: list[EncodedPrompt]) -> list[Reply]:
        import numpy
        from openvino import Tensor

        tensors = [Tensor(numpy.array([one.ids], dtype=numpy.int64)) for one in encoded]
        try:
            results = self._pipeline.generate(tensors, [self._config(one) for one in encoded])
        except RuntimeError as error:
            if len(encoded) == 1:
                return [Reply("", "failed", len(encoded[0].ids), 0, _reason(error))]
            # One prompt may have caused it; the others must not fail with it.
            return [reply for one in encoded for reply in self._generate([one])]
        return [self._reply(one, result) for one, result in zip(encoded, results, strict=True)]

    def _config(self, one: EncodedPrompt) -> "GenerationConfig":
        import openvino_genai

        sampling, constraint = one.prompt.sampling, one.prompt.constraint
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.stop_token_ids = one.max_new_tokens, set(self._chat.ends)
        config.eos_token_id = min(self._chat.ends, default=-1)
        config.stop_strings = set(sampling.stop)
        if constraint:
            config.structured_output_config = openvino_genai.StructuredOutputConfig(regex=constraint.regex)
        if sampling.temperature > 0:
            config.do_sample, config.rng_seed = True, seed_of(one.prompt)
            config.temperature, config.top_p = sampling.temperature, sampling.top_p
            if sampling.top_k:
                config.top_k = sampling.top_k
        return config

    def _reply(self, one: EncodedPrompt, result: Any) -> Reply:
        from openvino_genai import GenerationFinishReason

        ids, reason = list(result.m_generation_ids[0]), result.finish_reasons[0]
        if reason == GenerationFinishReason.NONE:
            return Reply("", "failed", len(one.ids), len(ids), "no memory was left for it; use a smaller batch")
        text, stopped = cut_at_stop(self._chat.decode(ids), one.prompt.sampling.stop)
        if stopped or reason != GenerationFinishReason.LENGTH:
            return Reply(text, "ok", len(one.ids), len(ids))
        # A reply cut in the middle of a character ends with half of it.
        return Reply(text.rstrip("\ufffd"), "truncated", len(one.ids), len(ids))

    def _choose(self, encoded: list[EncodedPrompt]) -> list[Reply]:
        """Replies to prompts with choices, by the score of each choice; no token is generated."""
        self._scorer = self._scorer or ChoiceScorer(export_graph(self._folder), self._options.properties())
        encode = self._chat.tokenizer.encode
        choices = [choices_of(one.prompt) for one in encoded]
        ids = [[list(encode(choice, add_special_tokens=False).ids) for choice in some] for some in choices]
        scores = self._scorer.score([one.ids for one in encoded], ids)
        return [
            Reply(text, "ok", len(one.ids), len(some[names.index(text)]), scores=dict(zip(names, values, strict=True)))
            for one, names, some, values in zip(encoded, choices, ids, scores, strict=True)
            for text in [draw_choice(names, values, one.prompt)]
        ]


def _reason(error: Exception) -> str:
    """The last line of OpenVINO's message, without its time and source file."""
    return re.sub(r"^\[.*?\] \S+: ", "", str(error).strip().rpartition("\n")[2])[:300]


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity, and the precision it is run in; batch and threads change the last digits only."""
    model = required_reference(reference, "embedded").identity
    return Identity(model, f"embedded:{read_options(options, Options, 'embedded').numerics}")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """The capabilities of OpenVINO with any language model."""
    return Capabilities(choice_scores=True, choices="enforced", regex="enforced")


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[Embedded]:
    """The engine on the model of `directory`. Raises UserError where there is no such model or it can't be run."""
    yield Embedded(directory, read_options(options, Options, "embedded"), str(directory))


BACKEND = Backend(identify, capabilities, open_engine)
