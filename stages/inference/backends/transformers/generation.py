"""Generation settings for Transformers, and the reply of generated tokens; with pictures or without."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.core.completions import Reply, Sampling
from stages.inference.chat_template import cut_at_stop

if TYPE_CHECKING:
    from torch import Tensor


class Decoding(NamedTuple):
    """The end tokens and the decoder of a model."""

    ends: frozenset[int]
    """Ids that end a reply."""
    decode: Callable[[Sequence[int]], str]
    """Token ids as text, without special tokens."""

    def config(self, sampling: Sampling) -> Any:
        """A `transformers.GenerationConfig` for the sampling."""
        from transformers import GenerationConfig

        ends = sorted(self.ends)
        fields: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            top_k = sampling.top_k or None
            fields = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": top_k}
        pad = ends[0] if ends else 0
        return GenerationConfig(
            max_new_tokens=sampling.max_tokens, eos_token_id=ends or None, pad_token_id=pad, **fields
        )

    def stopping(self, stops: Sequence[str], width: int) -> Any:
        """A criterion that ends rows whose text after `width` tokens contains one of `stops`."""
        import torch

        def contains_stop(ids: "Tensor", scores: "Tensor", **_: Any) -> "Tensor":
            texts = [self.decode(row) for row in ids[:, width:].tolist()] if stops else [""] * len(ids)
            return torch.tensor([cut_at_stop(text, stops)[1] for text in texts], device=ids.device)

        return contains_stop

    def reply(self, read: int, new: list[int], sampling: Sampling) -> Reply:
        """The reply of the `new` tokens after a prompt of `read` tokens."""
        length = next((place for place, token in enumerate(new) if token in self.ends), len(new))
        text, stopped = cut_at_stop(self.decode(new[:length]), sampling.stop)
        if stopped or length < len(new):
            return Reply(text, "ok", read, min(length + 1, len(new)))
        return Reply(text.rstrip("\ufffd"), "truncated", read, len(new))
