"""Search texts for the texts of benchmarks."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stages.decontamination.benchmark_index import EXACT, BenchmarkIndex
from stages.decontamination.word_hashes import Grams, Words, grams, spelled, wholes, windows, words

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


class Match(NamedTuple):
    """An overlap of a text with a benchmark."""

    text: int
    """Position among the texts that were searched."""
    benchmark: str
    size: int
    """n of the n-gram, or EXACT for an equal text."""
    item: str
    shared: str
    """The words of the first shared run."""


class Search:
    """Searches texts for the texts of benchmarks, and records the items that overlap."""

    def __init__(self, index: BenchmarkIndex) -> None:
        """Starts without overlaps."""
        self._index = index
        self._seen: dict[int, list[NDArray[np.uint64]]] = {size: [] for size in index.tables}

    def __call__(self, texts: Iterable[str]) -> list[Match]:
        """The overlaps with benchmarks: one match for each text, benchmark and size that have any."""
        text_words = words(texts)
        return [match for size in self._index.tables for match in self._matches(size, text_words)]

    def items(self) -> dict[int, dict[str, int]]:
        """Size -> benchmark -> number of its items that overlap with some text."""
        return {size: self._items(size) for size in self._index.tables}

    def _matches(self, size: int, text_words: Words) -> Iterator[Match]:
        hits = _hits(self._index, size, text_words)
        if hits.is_empty():
            return
        self._seen[size].append(hits["gram"].unique().to_numpy())
        runs = self._index.tables[size].runs.unique(["gram", "benchmark"], keep="first", maintain_order=True)
        pairs = hits.join(runs, on="gram", maintain_order="left")
        pairs = pairs.unique(["text", "benchmark"], keep="first", maintain_order=True)
        shared = _shared(self._index, pairs)
        for text, run, shared_words in zip(pairs["text"], pairs["run"], shared, strict=True):
            benchmark, row = self._index.texts[run]
            yield Match(text, benchmark, size, row.item, shared_words)

    def _items(self, size: int) -> dict[str, int]:
        import numpy as np

        runs = self._index.tables[size].runs
        keys = np.unique(np.concatenate([np.zeros(0, np.uint64), *self._seen[size]]))
        texts = runs.filter(_within(runs["gram"].to_numpy(), keys))["run"].unique()
        pairs = {(self._index.texts[text][0], self._index.texts[text][1].item) for text in texts}
        return {name: sum(owner == name for owner, _ in pairs) for name in sorted({name for name, _ in pairs})}


def _hits(index: BenchmarkIndex, size: int, text_words: Words) -> "pl.DataFrame":
    """text, gram: the runs shared with a benchmark, by text and in their order."""
    import polars as pl

    runs = [wholes(text_words)] if size == EXACT else [grams(text_words, size), *_short(index, text_words)]
    masks = (_within(run.hashes, index.tables[size].keys) for run in runs)
    frames = [
        pl.DataFrame({"text": run.texts[mask], "start": run.starts[mask], "gram": run.hashes[mask]})
        for run, mask in zip(runs, masks, strict=True)
    ]
    return pl.concat(frames).sort("text", "start").select("text", "gram")


def _short(index: BenchmarkIndex, text_words: Words) -> Iterator[Grams]:
    """Runs as long as the texts that are searched as wholes, from where one of those may begin."""
    opening = windows(text_words, 2)
    hit = _within(opening.hashes, index.openings)
    at = text_words.starts[opening.texts[hit]] + opening.starts[hit]
    return (windows(text_words, length, at) for length in index.lengths)


def _within(hashes: "NDArray[np.uint64]", keys: "NDArray[np.uint64]") -> "NDArray[np.bool_]":
    """Which hashes are among the keys (ascending)."""
    import numpy as np

    if not len(keys):
        return np.zeros(len(hashes), np.bool_)
    place = np.searchsorted(keys, hashes).clip(max=len(keys) - 1)
    same: NDArray[np.bool_] = keys[place] == hashes
    return same


def _shared(index: BenchmarkIndex, pairs: "pl.DataFrame") -> list[str]:
    """The words of each run, as its benchmark's text spells them."""
    texts = pairs["run"].unique().to_list()
    words_of = dict(zip(texts, spelled(index.texts[text][1].text for text in texts), strict=True))
    runs: Sequence[tuple[int, int, int]] = pairs.select("run", "start", "length").rows()
    return [" ".join(words_of[run][start : start + length]) for run, start, length in runs]
