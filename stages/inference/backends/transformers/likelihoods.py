"""Log-probabilities of given continuations by a Transformers model.

A continuation of one token costs no forward pass of its own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def likelihoods(
    model: Any, device: str, batch: int, prompts: Sequence[list[int]], choices: Sequence[Sequence[list[int]]]
) -> list[list[float]]:
    """For each prompt (token ids), the natural log-probability of each of its choices (token ids, none empty).

    `batch` texts are computed together, by length; results depend on them in the last digits.
    """
    # The input is a prompt and all but the last token of a choice: choices that differ only there are computed once.
    inputs = {
        tuple(prompt + choice[:-1]): len(choice)
        for prompt, some in zip(prompts, choices, strict=True) for choice in some
    }  # fmt: skip
    texts = sorted(inputs, key=lambda text: (len(text), text))
    known: dict[tuple[int, ...], Tensor] = {}
    for start in range(0, len(texts), batch):
        chunk = texts[start : start + batch]
        known.update(zip(chunk, _last(model, device, chunk, max(inputs[text] for text in chunk)), strict=True))
    return [
        [_total(known[tuple(prompt + choice[:-1])], choice) for choice in some]
        for prompt, some in zip(prompts, choices, strict=True)
    ]


def _last(model: Any, device: str, texts: Sequence[tuple[int, ...]], count: int) -> "Tensor":
    """(texts, count, vocabulary): log-probabilities of what follows each of the last `count` tokens of each text."""
    import torch

    width = max(map(len, texts))
    ids = torch.tensor([[0] * (width - len(text)) + list(text) for text in texts], device=device)
    mask = torch.tensor([[0] * (width - len(text)) + [1] * len(text) for text in texts], device=device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=count
        ).logits
    return logits.float().log_softmax(-1).cpu()


def _total(known: "Tensor", choice: list[int]) -> float:
    """The sum over a choice's tokens; `known` (positions, vocabulary) ends with the prediction of its last token."""
    last = len(known) - len(choice)
    return round(float(sum(known[last + place, token] for place, token in enumerate(choice))), 6)
