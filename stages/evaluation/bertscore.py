"""BERTScore: the similarity of two texts by the token embeddings of an encoder (Zhang et al., 2020; paper Table 1).

Computed as by the bert-score package with its defaults, without idf and rescaling: each token is matched with the most
similar one of the other text; special tokens do not count. https://github.com/Tiiger/bert_score
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.core.errors import UserError
from stages.evaluation.benchmarks.scoring import Similarity
from stages.inference.local_engine import require_local_extra
from stages.model_files.integrity import check

if TYPE_CHECKING:
    from torch import Tensor


OpenEncoder = Callable[..., AbstractContextManager[Similarity | None]]
"""The type of `bertscore`; a plan passes a function that loads nothing."""


@contextmanager
def bertscore(model: str | None, layer: int, batch: int) -> Iterator[Similarity | None]:
    """A function that returns F1 for each (text, reference), by hidden layer `layer` of the encoder in folder `model`.

    None for None. Raises UserError if there is no such folder, and while the function runs if
    the encoder has no such layer.
    """
    if model is None:
        yield None
        return
    directory = Path(model)
    if not directory.is_dir():
        raise UserError(
            f"params.yaml: evaluate.bertscore.model: {model}: no such folder; fetch it (`dvc repro fetch_model@NAME`, "
            "then it is models/NAME), name a copy of yours, or set it to null"
        )
    check(directory)
    encoders: list[Encoder] = []

    def similarity(pairs: Iterable[tuple[str, str]]) -> Iterator[float]:
        remaining = iter(pairs)
        while chunk := list(islice(remaining, batch)):
            if not encoders:
                encoders.append(Encoder(directory, layer))
            yield from encoders[0].compare(chunk)

    yield similarity


class Encoder:
    """An encoder in memory."""

    def __init__(self, directory: Path, layer: int) -> None:
        """Load it. Raises UserError for a folder without an encoder, or one with fewer layers."""
        require_local_extra("BERTScore")
        from transformers import AutoModel, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
            self._model = AutoModel.from_pretrained(directory, local_files_only=True).eval()
        except (ValueError, OSError, KeyError, RuntimeError) as error:
            raise UserError(f"{directory}: can't be loaded ({' '.join(str(error).split())[:200]})") from None
        layers = int(self._model.config.num_hidden_layers)
        if layer > layers:
            raise UserError(f"params.yaml: evaluate.bertscore.layer: {layer}, but {directory} has {layers}")
        self._layer = layer

    def compare(self, pairs: list[tuple[str, str]]) -> list[float]:
        """F1 of each pair; 0 where either text is empty."""
        texts = sorted({text.strip() for pair in pairs for text in pair} - {""}, key=len)
        embedded = dict(zip(texts, self._embed(texts), strict=True)) if texts else {}
        return [
            _f_score(*embedded[text.strip()], *embedded[reference.strip()])
            if text.strip() and reference.strip()
            else 0.0
            for text, reference in pairs
        ]

    def _embed(self, texts: list[str]) -> "list[tuple[Tensor, Tensor]]":
        """For each text: embeddings (tokens, dimensions) of length 1, and a mask (tokens,) without special tokens."""
        import torch

        limit = self._model.config.max_position_embeddings - 2
        encoded: Any = self._tokenizer(
            texts, padding=True, truncation=True, max_length=limit, return_tensors="pt", return_special_tokens_mask=True
        )
        masks, special = encoded["attention_mask"].bool(), encoded.pop("special_tokens_mask").bool()
        with torch.inference_mode():
            hidden = self._model(**encoded, output_hidden_states=True).hidden_states[self._layer]
        hidden = torch.nn.functional.normalize(hidden, dim=-1)
        return [
            (row[mask], ~extra[mask]) for row, mask, extra in zip(hidden, masks, special, strict=True)
        ]  # fmt: skip


def _f_score(text: "Tensor", words: "Tensor", reference: "Tensor", expected: "Tensor") -> float:
    similarities = text @ reference.T
    precision = float(similarities.max(1).values[words].mean())
    recall = float(similarities.max(0).values[expected].mean())
    return round(2 * precision * recall / (precision + recall), 6) if precision + recall > 0 else 0.0
