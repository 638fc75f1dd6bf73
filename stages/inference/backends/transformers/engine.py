"""The engine `transformers`: any causal language model of Transformers, in static batches padded on the left.

Vision-language models are in `vision`. A reply depends on the whole batch, since one random generator serves all its
rows; the same batch gives the same replies.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

import msgspec

from stages.core.completions import Capabilities, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.core.image_files import accepts_images
from stages.inference.backends.transformers.generation import Decoding
from stages.inference.backends.transformers.likelihoods import likelihoods
from stages.inference.backends.transformers.vision import VisionLanguageModel
from stages.inference.chat_template import ChatTemplate
from stages.inference.engine_interface import Backend, read_options, required_reference
from stages.inference.local_engine import Batches, LocalEngine, require_local_extra
from stages.inference.prompt_requirements import choices_of, draw_choice
from stages.model_files.integrity import check
from stages.reply_store.identity import Identity, Reference
from stages.reply_store.keys import seed_of


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's options in params.yaml."""

    batch: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Prompts computed together."""
    threads: Annotated[int, msgspec.Meta(ge=1)]
    """CPU threads."""
    dtype: Literal["float32", "bfloat16"]
    """Of weights and activations."""


class LanguageModel(LocalEngine):
    """An engine with one model in memory, on the GPU where there is one."""

    def __init__(self, directory: Path, options: Options, identity: str) -> None:
        """Loads the model; `directory` is a Transformers directory. Raises UserError for one that can't be loaded."""
        check(directory)
        require_local_extra()
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(options.threads)
        self.identity = identity
        self._options = options
        self._chat = ChatTemplate(directory)
        self._decoding = Decoding(self._chat.ends, self._chat.decode)
        try:
            model = AutoModelForCausalLM.from_pretrained(
                directory, dtype=getattr(torch, options.dtype), local_files_only=True
            )
        except (ValueError, OSError, KeyError, RuntimeError) as error:
            raise UserError(f"{directory}: can't be loaded ({' '.join(str(error).split())[:200]})") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).eval()
        self._context = int(getattr(model.config, "max_position_embeddings", 1 << 30))
        self._batches = Batches(options.batch, self._replies)

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) a batch."""
        return self._batches.answer(prompts)

    def _replies(self, prompts: list[Prompt]) -> list[Reply]:
        encoded = [self._encode(prompt) for prompt in prompts]
        replies = {place: ids for place, ids in enumerate(encoded) if isinstance(ids, Reply)}
        with_choices = {
            place: (prompts[place], ids) for place, ids in enumerate(encoded)
            if not isinstance(ids, Reply) and choices_of(prompts[place])
        }  # fmt: skip
        replies.update(zip(with_choices, self._choose(list(with_choices.values())), strict=True))
        # One call per sampling: `generate` has one temperature for all its rows.
        for sampling in dict.fromkeys(prompt.sampling for prompt in prompts):
            some = {
                place: ids for place, ids in enumerate(encoded)
                if place not in replies and not isinstance(ids, Reply) and prompts[place].sampling == sampling
            }  # fmt: skip
            if some:
                generated = self._generate(list(some.values()), sampling, [seed_of(prompts[place]) for place in some])
                replies.update(zip(some, generated, strict=True))
        return [self._chat.reply(prompt, replies[place]) for place, prompt in enumerate(prompts)]

    def _encode(self, prompt: Prompt) -> list[int] | Reply:
        try:
            ids = self._chat.ids(prompt)
        except UserError as error:
            return Reply("", "failed", 0, 0, str(error))
        if not all(choices_of(prompt)):
            return Reply("", "failed", len(ids), 0, "one of the choices is empty")
        if not ids or len(ids) + prompt.sampling.max_tokens > self._context:
            reason = f"{len(ids)} tokens and max_tokens do not fit the model's context of {self._context}"
            return Reply("", "failed", len(ids), 0, reason)
        return ids

    def _choose(self, encoded: list[tuple[Prompt, list[int]]]) -> list[Reply]:
        """Replies to prompts with choices, by the score of each choice; no token is generated."""
        encode = self._chat.tokenizer.encode
        choices = [
            [list(encode(text, add_special_tokens=False).ids) for text in choices_of(prompt)] for prompt, _ in encoded
        ]
        scores = likelihoods(self._model, self._device, self._options.batch, [ids for _, ids in encoded], choices)
        return [
            Reply(draw_choice(names, values, prompt), "ok", len(ids), 1, scores=dict(zip(names, values, strict=True)))
            for (prompt, ids), values in zip(encoded, scores, strict=True) for names in [choices_of(prompt)]
        ]  # fmt: skip

    def _generate(self, rows: list[list[int]], sampling: Sampling, seeds: list[int]) -> list[Reply]:
        import torch

        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=self._device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self._device)
        torch.manual_seed(Random(repr(seeds)).getrandbits(63))
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids, attention_mask=mask, generation_config=self._decoding.config(sampling),
                stopping_criteria=[self._decoding.stopping(sampling.stop, width)],
            )  # fmt: skip
        return [
            self._decoding.reply(len(row), new, sampling)
            for row, new in zip(rows, output[:, width:].tolist(), strict=True)
        ]


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity and the precision it is run in: another dtype gives other replies."""
    model = required_reference(reference, "transformers").identity
    return Identity(model, f"transformers:{read_options(options, Options, 'transformers').dtype}")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """The capabilities of Transformers: a vision-language model takes pictures and can't score choices."""
    return (
        Capabilities(choices="refused", regex="refused", images=True)
        if accepts_images(directory)
        else Capabilities(choice_scores=True, choices="enforced", regex="refused")
    )


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[LanguageModel | VisionLanguageModel]:
    """The engine on the model of `directory`. Raises UserError where there is no such model or for unknown options."""
    kind = VisionLanguageModel if accepts_images(directory) else LanguageModel
    yield kind(directory, read_options(options, Options, "transformers"), str(directory))


BACKEND = Backend(identify, capabilities, open_engine)
