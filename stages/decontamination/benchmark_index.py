"""The texts of benchmarks, which no training row may contain, indexed by their n-grams."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stages.decontamination.word_hashes import WHOLE, Grams, Words, grams, wholes, windows, words

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

EXACT = 0
"""The size of a whole text, in place of the n of an n-gram."""


class BenchmarkText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text of a benchmark."""

    item: str
    """Item of the benchmark; its versions (languages, prompt forms) share it."""
    text: str


class Table(NamedTuple):
    """The runs of words of one size."""

    keys: "NDArray[np.uint64]"
    """Hashes of the runs, each once, ascending."""
    runs: "pl.DataFrame"
    """gram (hash), benchmark, run (position of its text in `BenchmarkIndex.texts`), start and length
    (in words); in order."""


class BenchmarkIndex(NamedTuple):
    """The texts of several benchmarks, indexed for the search in other texts."""

    texts: list[tuple[str, BenchmarkText]]
    """(benchmark, text)."""
    tables: Mapping[int, Table]
    """n, or EXACT."""
    openings: "NDArray[np.uint64]"
    """Hashes of the first two words of every text that is searched as a whole because it is short; ascending."""
    lengths: tuple[int, ...]
    """Numbers of words of such texts."""


def distinct_texts(
    benchmarks: Mapping[str, Iterable[tuple[str, str]]], lost: Counter[str] | None = None
) -> Iterator[tuple[str, BenchmarkText]]:  # fmt: skip
    """(benchmark, text) for each distinct text of an item that has a word.

    The others are counted in `lost`: "repeated" and "no word".
    """
    lost = Counter() if lost is None else lost
    for name, pairs in benchmarks.items():
        every = Counter(pairs)
        lost["repeated"] += every.total() - len(every)
        for item, text in every:
            if any(map(str.isalnum, text)):
                yield name, BenchmarkText(item, text)
            else:
                lost["no word"] += 1


def build_index(
    benchmarks: Mapping[str, Iterable[BenchmarkText]], ngrams: Sequence[int], shortest: int
) -> BenchmarkIndex:
    """The texts of `benchmarks` by their n-grams, for each n of `ngrams`, and as wholes.

    A text with fewer than n words has no n-gram: it is searched as a whole if it has `shortest` words or more.
    """
    texts = [(name, row) for name, rows in benchmarks.items() for row in rows]
    names = [name for name, _ in texts]
    text_words = words(row.text for _, row in texts)
    whole = wholes(text_words)
    tables = {n: _table([grams(text_words, n), _short(text_words, whole, n, shortest)], names) for n in ngrams}
    short = _short(text_words, whole, max(ngrams), shortest)
    first = windows(text_words, 2, text_words.starts[short.texts]).hashes
    lengths = tuple(sorted(set(short.lengths.tolist())))
    return BenchmarkIndex(texts, tables | {EXACT: _table([whole], names)}, _once(first), lengths)


def items(index: BenchmarkIndex) -> dict[str, int]:
    """Benchmark -> number of its items."""
    pairs = {(name, row.item) for name, row in index.texts}
    return {name: sum(owner == name for owner, _ in pairs) for name in sorted({name for name, _ in pairs})}


def _short(text_words: Words, whole: Grams, n: int, shortest: int) -> Grams:
    import numpy as np

    halves = np.diff(text_words.halves[text_words.starts])[whole.texts]
    short = (halves < WHOLE * n) & (halves >= WHOLE * shortest)
    return Grams(whole.hashes[short], whole.texts[short], whole.starts[short], whole.lengths[short])


def _table(parts: Sequence[Grams], names: Sequence[str]) -> Table:
    import numpy as np
    import polars as pl

    gram, text, start, length = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    runs = pl.DataFrame({"gram": gram, "run": text, "start": start, "length": length})
    owners = pl.Series("benchmark", names, dtype=pl.Categorical)
    return Table(_once(gram), runs.with_columns(owners.gather(text)).sort("gram", "run", "start"))


def _once(hashes: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    import numpy as np

    return np.unique(hashes)
