"""A tokenizer of our own, trained in seconds, so that tests measure in real tokens without a model."""

from collections.abc import Sequence
from pathlib import Path


def train(folder: Path, texts: Sequence[str], vocabulary: int = 8_000) -> Path:
    """A byte-level BPE as folder/tokenizer.json; returns the folder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=letters, show_progress=False)
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
