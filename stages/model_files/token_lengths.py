"""Counts tokens of texts, by a model's tokenizer.json alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.core.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def tokenizer(directory: Path, literal: bool = False) -> "Tokenizer":
    """The tokenizer of a model's directory. `literal` reads special tokens in a text as the letters they are made of.

    Raises UserError where there is none.
    """
    from tokenizers import Tokenizer

    path = directory / "tokenizer.json"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; a model without a tokenizer can't be used, save its tokenizer into the folder"
        )
    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise UserError(f"{path}: not a tokenizer ({error}); save it again with save_pretrained") from None
    loaded.no_truncation()
    loaded.no_padding()
    loaded.encode_special_tokens = literal
    return loaded


def counter(directory: Path) -> Callable[[Sequence[str]], list[int]]:
    """A function that returns the number of tokens of each text, without those that a template or tokenizer adds."""
    loaded = tokenizer(directory, literal=True)

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in loaded.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count
