"""OpenVINO's continuous batching on a CPU, from a Transformers directory: no server, no torch, seconds to load.

A reply depends on the prompt, its seed and, in the last digits, on the batch it was computed in; the same batch gives
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
from stages.inference.backends.embedded.openvino_export import export, graph
from stages.inference.batches import Batches
from stages.inference.chat_template import Chat, cut
from stages.inference.choice_scoring import Scorer, draw, offered
from stages.inference.engine_interface import Local
from stages.inference.options import checked, needed
from stages.reply_store.identity import Identity, Reference
from stages.reply_store.keys import seed_of

if TYPE_CHECKING:
    from openvino_genai import GenerationConfig


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's options in params.yaml."""

    batch: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Prompts computed together."""
    threads: Annotated[int, msgspec.Meta(ge=1)]
    """CPU threads."""
    precision: Literal["native", "f32"]
    """Of activations. native: what the CPU is fastest in (bfloat16 where it can). f32: token by token what Transformers
    says, whoever the batch mates are, at a third of the speed."""

    def properties(self) -> dict[str, Any]:
        """The same for OpenVINO."""
        exact = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"} if self.precision == "f32" else {}
        return {"INFERENCE_NUM_THREADS": self.threads, "ENABLE_CPU_PINNING": False, **exact}


class Ask(NamedTuple):
    """A prompt ready to be computed."""

    prompt: Prompt
    ids: list[int]
    room: int
    """New tokens that the context has room for, at most `max_tokens`."""


class Embedded(Local):
    """One model in memory."""

    def __init__(self, directory: Path, options: Options, identity: str) -> None:
        """Loads the model; `directory` is a Transformers directory."""
        import openvino_genai

        self.identity = identity
        self._options = options
        self._chat = Chat(directory)
        self._folder = export(directory)
        self._context: int = artifacts.read_json(directory / "config.json", dict[str, Any])["max_position_embeddings"]
        self._scorer: Scorer | None = None
        self._batches = Batches(options.batch, self._replies)
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
        """One group of (position, reply) a batch."""
        return self._batches.answer(prompts)

    def _replies(self, prompts: list[Prompt]) -> list[Reply]:
        asks = [self._ask(prompt) for prompt in prompts]
        replies = [ask if isinstance(ask, Reply) else None for ask in asks]
        for compute, wanted in ((self._choose, True), (self._generate, False)):
            places = [
                place for place, ask in enumerate(asks) if isinstance(ask, Ask) and _chooses(ask.prompt) is wanted
            ]
            some = [ask for place in places if isinstance(ask := asks[place], Ask)]
            for place, reply in zip(places, compute(some) if some else [], strict=True):
                replies[place] = reply
        return [
            self._chat.reply(prompt, reply)
            for prompt, reply in zip(prompts, replies, strict=True) if reply is not None
        ]  # fmt: skip

    def _ask(self, prompt: Prompt) -> Ask | Reply:
        try:
            ids = self._chat.ids(prompt)
        except UserError as error:
            return Reply("", "failed", 0, 0, str(error))
        if fault := self._fault(prompt):
            return Reply("", "failed", len(ids), 0, fault)
        room = min(prompt.sampling.max_tokens, self._context - len(ids))
        if room < 1 or not ids:
            return Reply(
                "", "failed", len(ids), 0, f"{len(ids)} tokens do not fit the model's context of {self._context}"
            )
        return Ask(prompt, ids, room)

    def _fault(self, prompt: Prompt) -> str:
        """Why a prompt's constraint can't be kept, "" if it can."""
        if not all(offered(prompt)):
            return "one of the choices is empty"
        regex = prompt.constraint.regex if prompt.constraint else ""
        if regex and regex not in self._faults:
            # Tried alone, once: OpenVINO 2026.4 ends the process (a segmentation fault) when a regular expression turns
            # out to be broken while other prompts are computed beside it.
            (reply,) = self._generate([Ask(prompt, [min(self._chat.ends, default=0)], 1)])
            self._faults[regex] = reply.error
        return self._faults.get(regex, "")

    def _generate(self, asks: list[Ask]) -> list[Reply]:
        import numpy
        from openvino import Tensor

        tensors = [Tensor(numpy.array([ask.ids], dtype=numpy.int64)) for ask in asks]
        try:
            results = self._pipeline.generate(tensors, [self._config(ask) for ask in asks])
        except RuntimeError as error:
            if len(asks) == 1:
                return [Reply("", "failed", len(asks[0].ids), 0, _reason(error))]
            # One prompt may be to blame; the others must not fall with it.
            return [reply for ask in asks for reply in self._generate([ask])]
        return [self._reply(ask, result) for ask, result in zip(asks, results, strict=True)]

    def _config(self, ask: Ask) -> "GenerationConfig":
        import openvino_genai

        sampling, constraint = ask.prompt.sampling, ask.prompt.constraint
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.stop_token_ids = ask.room, set(self._chat.ends)
        config.eos_token_id = min(self._chat.ends, default=-1)
        config.stop_strings = set(sampling.stop)
        if constraint:
            config.structured_output_config = openvino_genai.StructuredOutputConfig(regex=constraint.regex)
        if sampling.temperature > 0:
            config.do_sample, config.rng_seed = True, seed_of(ask.prompt)
            config.temperature, config.top_p = sampling.temperature, sampling.top_p
            if sampling.top_k:
                config.top_k = sampling.top_k
        return config

    def _reply(self, ask: Ask, result: Any) -> Reply:
        from openvino_genai import GenerationFinishReason

        ids, reason = list(result.m_generation_ids[0]), result.finish_reasons[0]
        if reason == GenerationFinishReason.NONE:
            return Reply("", "failed", len(ask.ids), len(ids), "no memory was left for it; use a smaller batch")
        text, stopped = cut(self._chat.decode(ids), ask.prompt.sampling.stop)
        if stopped or reason != GenerationFinishReason.LENGTH:
            return Reply(text, "ok", len(ask.ids), len(ids))
        # A reply cut in the middle of a character ends with half of it.
        return Reply(text.rstrip("\ufffd"), "truncated", len(ask.ids), len(ids))

    def _choose(self, asks: list[Ask]) -> list[Reply]:
        """Every choice is scored, so no token is generated: greedy takes the likeliest, otherwise one is drawn."""
        self._scorer = self._scorer or Scorer(graph(self._folder), self._options.properties())
        encode = self._chat.tokenizer.encode
        choices = [offered(ask.prompt) for ask in asks]
        ids = [[list(encode(choice, add_special_tokens=False).ids) for choice in some] for some in choices]
        scores = self._scorer.score([ask.ids for ask in asks], ids)
        return [
            Reply(text, "ok", len(ask.ids), len(some[names.index(text)]), scores=dict(zip(names, values, strict=True)))
            for ask, names, some, values in zip(asks, choices, ids, scores, strict=True)
            for text in [draw(names, values, ask.prompt)]
        ]


def _reason(error: Exception) -> str:
    """OpenVINO's last line, without the time and the source file of its makers."""
    return re.sub(r"^\[.*?\] \S+: ", "", str(error).strip().rpartition("\n")[2])[:300]


def _chooses(prompt: Prompt) -> bool:
    return bool(offered(prompt))


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity, and the precision it is run in; batch and threads change the last digits only."""
    model = needed(reference, "embedded").identity
    return Identity(model, f"embedded:{checked(options, Options, 'embedded').precision}")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """What OpenVINO can do with any model of text."""
    return Capabilities(choice_scores=True, choices="enforced", regex="enforced")


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[Embedded]:
    """The engine on the model of `directory`. Raises UserError where there is no such model or it can't be run."""
    yield Embedded(directory, checked(options, Options, "embedded"), str(directory))
