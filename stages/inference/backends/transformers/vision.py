"""Vision-language models of Transformers (LLaVA, InstructBLIP and others), in static batches padded on the left.

A prompt's pictures and text go through the model's own processor and its chat template. A text that holds a special
token of the model is a failed reply: a processor would take it for the real token.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from stages.core import image_files
from stages.core.completions import Image, Message, Prompt, Reply
from stages.core.errors import UserError
from stages.inference.backends.transformers.generation import Decoding
from stages.inference.local_engine import Batches, LocalEngine, require_local_extra
from stages.inference.prompt_requirements import shows_images
from stages.model_files.integrity import check
from stages.reply_store.keys import seed_of

if TYPE_CHECKING:
    from stages.inference.backends.transformers.engine import Options


class VisionLanguageModel(LocalEngine):
    """An engine with one model in memory, on the GPU where there is one."""

    def __init__(self, directory: Path, options: "Options", identity: str) -> None:
        """Loads model and processor. Raises UserError for a directory that can't be loaded."""
        check(directory)
        require_local_extra()
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        torch.set_num_threads(options.threads)
        self.identity = identity
        try:
            self._processor: Any = AutoProcessor.from_pretrained(directory, local_files_only=True)
            model = AutoModelForImageTextToText.from_pretrained(
                directory, dtype=getattr(torch, options.dtype), local_files_only=True
            )
        except (ValueError, OSError, KeyError, RuntimeError, ImportError) as error:
            raise UserError(f"{directory}: can't be loaded ({' '.join(str(error).split())[:200]})") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).eval()
        self._tokenizer: Any = self._processor.tokenizer
        self._tokenizer.padding_side = "left"
        self._special = [str(token) for token in self._tokenizer.added_tokens_decoder.values() if token.special]
        self._decoding = Decoding(self._ends(), lambda ids: str(self._tokenizer.decode(ids, skip_special_tokens=True)))
        self._batches = Batches(options.batch, self._replies)

    def _ends(self) -> frozenset[int]:
        eos = self._model.generation_config.eos_token_id
        ends = [*(eos if isinstance(eos, list) else [eos]), self._tokenizer.eos_token_id]
        return frozenset(number for number in [*ends, self._tokenizer.pad_token_id] if isinstance(number, int))

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) a batch."""
        return self._batches.answer(prompts)

    def _replies(self, prompts: list[Prompt]) -> list[Reply]:
        replies = {place: Reply("", "failed", 0, 0, why) for place, p in enumerate(prompts) if (why := self._fault(p))}
        # One call per kind: `generate` has one temperature for all rows, a processor takes pictures for all or none.
        kinds = {place: (p.sampling, shows_images(p), p.raw) for place, p in enumerate(prompts) if place not in replies}
        for kind in dict.fromkeys(kinds.values()):
            places = [place for place, other in kinds.items() if other == kind]
            replies.update(zip(places, self._generate([prompts[place] for place in places]), strict=True))
        return [replies[place] for place in range(len(prompts))]

    def _fault(self, prompt: Prompt) -> str:
        texts = [message.content for message in prompt.messages]
        special = next((token for token in self._special for text in texts if token in text), None)
        return f"the text holds {special}, a special token of the model" if special else ""

    def _generate(self, prompts: list[Prompt]) -> list[Reply]:
        import torch

        sampling, seeds = prompts[0].sampling, [seed_of(prompt) for prompt in prompts]
        inputs = self._inputs(prompts).to(self._device, self._model.dtype)
        width = inputs["input_ids"].shape[1]
        torch.manual_seed(Random(repr(seeds)).getrandbits(63))
        with torch.inference_mode():
            output = self._model.generate(
                **inputs, generation_config=self._decoding.config(sampling),
                stopping_criteria=[self._decoding.stopping(sampling.stop, width)],
            )  # fmt: skip
        read = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            self._decoding.reply(length, new, sampling)
            for length, new in zip(read, output[:, width:].tolist(), strict=True)
        ]

    def _inputs(self, prompts: Sequence[Prompt]) -> Any:
        texts = [self._text(prompt) for prompt in prompts]
        images = [[_read_pixels(image) for message in p.messages for image in message.images] for p in prompts]
        bos = self._tokenizer.bos_token
        more = {"images": images} if shows_images(prompts[0]) else {}
        # As Transformers' own apply_chat_template: a template that writes the beginning itself gets no second one.
        special = not (bos and texts[0].startswith(bos))
        return self._processor(text=texts, padding=True, return_tensors="pt", add_special_tokens=special, **more)

    def _text(self, prompt: Prompt) -> str:
        if prompt.raw:
            return "\n\n".join(self._image_tokens(message) + message.content for message in prompt.messages)
        if not self._processor.chat_template:
            raise UserError(f"{self.identity}: has no chat template; set `template: none` for its benchmarks")
        conversation = [{"role": message.role, "content": _parts(message)} for message in prompt.messages]
        last = prompt.continue_final
        return str(
            self._processor.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=not last, continue_final_message=last
            )
        )

    def _image_tokens(self, message: Message) -> str:
        """The image tokens in a text without a template; some processors (InstructBLIP's) add them."""
        added = hasattr(self._processor, "num_query_tokens")
        return "" if added else f"{self._processor.image_token}\n" * len(message.images)


def _parts(message: Message) -> list[dict[str, str]]:
    return [*({"type": "image"} for _ in message.images), {"type": "text", "text": message.content}]


def _read_pixels(image: Image) -> Any:
    """The pixels, in RGB. Raises UserError for a file that is no picture."""
    import io

    import PIL.Image

    try:
        return PIL.Image.open(io.BytesIO(image_files.read(image))).convert("RGB")
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise UserError(f"{image.path}: can't be read as a picture ({' '.join(str(error).split())[:120]})") from None
