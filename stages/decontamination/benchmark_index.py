"""What no training row may hold: the texts of benchmarks, and the runs of words that they are known by."""

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
"""Stands for the whole text where else the n of an n-gram stands."""


class Withheld(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that models are tested with."""

    item: str
    """Of the benchmark; its versions (languages, ways to ask) share it."""
    text: str


class Table(NamedTuple):
    """The runs of one size."""

    keys: "NDArray[np.uint64]"
    """Hashes of the runs, each once, ascending."""
    runs: "pl.DataFrame"
    """gram (hash), benchmark, run (position of its text in `Index.texts`), start and length (in words); in order."""


class Index(NamedTuple):
    """The texts of several benchmarks, ready to be looked for."""

    texts: list[tuple[str, Withheld]]
    """(benchmark, text)."""
    tables: Mapping[int, Table]
    """n, or EXACT."""
    openings: "NDArray[np.uint64]"
    """The first two words of every text that is looked for as a whole because it is short; ascending."""
    lengths: tuple[int, ...]
    """Of how many words such texts are."""


def withheld(
    benchmarks: Mapping[str, Iterable[tuple[str, str]]], lost: Counter[str] | None = None
) -> Iterator[tuple[str, Withheld]]:  # fmt: skip
    """(item, text) of each benchmark as its rows: each text once an item, without those that have no word.

    The others are counted in `lost`: "repeated" and "no word".
    """
    lost = Counter() if lost is None else lost
    for name, pairs in benchmarks.items():
        every = Counter(pairs)
        lost["repeated"] += every.total() - len(every)
        for item, text in every:
            if any(map(str.isalnum, text)):
                yield name, Withheld(item, text)
            else:
                lost["no word"] += 1


def index(benchmarks: Mapping[str, Iterable[Withheld]], ngrams: Sequence[int], shortest: int) -> Index:
    """The texts of `benchmarks` by their n-grams, for each n of `ngrams`, and as wholes.

    A text with fewer than n words has no n-gram: it is looked for as a whole, if it has `shortest` words or more.
    """
    texts = [(name, row) for name, rows in benchmarks.items() for row in rows]
    names = [name for name, _ in texts]
    found = words(row.text for _, row in texts)
    whole = wholes(found)
    tables = {n: _table([grams(found, n), _short(found, whole, n, shortest)], names) for n in ngrams}
    short = _short(found, whole, max(ngrams), shortest)
    first = windows(found, 2, found.starts[short.texts]).hashes
    lengths = tuple(sorted(set(short.lengths.tolist())))
    return Index(texts, tables | {EXACT: _table([whole], names)}, _once(first), lengths)


def items(found: Index) -> dict[str, int]:
    """Benchmark -> number of its items."""
    pairs = {(name, row.item) for name, row in found.texts}
    return {name: sum(owner == name for owner, _ in pairs) for name in sorted({name for name, _ in pairs})}


def _short(found: Words, whole: Grams, n: int, shortest: int) -> Grams:
    import numpy as np

    halves = np.diff(found.halves[found.starts])[whole.texts]
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
