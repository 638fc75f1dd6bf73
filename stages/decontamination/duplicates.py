"""Duplicates and near duplicates within a corpus.

Two rows are near duplicates when the shingles (runs of words) of their instructions, and those of their inputs, have a
Jaccard similarity of at least the threshold. Nothing is estimated: prefix filtering (Chaudhuri et al., 2006; Xiao et
al., 2008) finds every such pair, as sets that are that similar share one of their few rarest shingles. Of rows that
are similar the first is kept, and a row is removed only if it is similar to a row that is kept. So rows that are added
at the end change nothing for the others.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stages.decontamination.templates import Difference
from stages.decontamination.word_hashes import grams, wholes, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLACK = 1e-9
"""Tolerance for floating point: 0.7 of 10 shingles are 7."""
ROW_BITS = 32
"""Bits of a rank below the row in one integer: up to 2^31 shingles and rows are compared."""


class Shingles(NamedTuple):
    """The shingles of many texts: of each the sorted hashes, each once."""

    hashes: "NDArray[np.uint64]"
    starts: "NDArray[np.int64]"
    """Where each text's begin, and where the last text's end."""

    def of(self, text: int) -> "NDArray[np.uint64]":
        """Those of one text."""
        return self.hashes[self.starts[text] : self.starts[text + 1]]


def shingles(texts: Iterable[str], n: int, salts: "NDArray[np.uint64] | None" = None) -> Shingles:
    """The runs of n words of each text; a text of fewer words is one shingle, one of none has none.

    Symbols count as words: "2 + 2" is not "2 - 2". salts: one a text; texts with different salts have none in common.
    """
    import numpy as np

    text_words = words(texts, symbols=True)
    runs, whole = grams(text_words, n), wholes(text_words)
    alone = ~np.isin(whole.texts, runs.texts)
    text = np.concatenate([runs.texts, whole.texts[alone]])
    hashes = np.concatenate([runs.hashes, whole.hashes[alone]])
    hashes = hashes if salts is None else hashes ^ salts[text]
    order = np.lexsort((hashes, text))
    text, hashes = text[order], hashes[order]
    first = np.append(True, (text[1:] != text[:-1]) | (hashes[1:] != hashes[:-1]))[: len(text)]
    return Shingles(hashes[first], np.searchsorted(text[first], np.arange(len(text_words.starts))))


def together(parts: Sequence[Shingles]) -> Shingles:
    """The texts of several parts, one part after the other."""
    import numpy as np

    sizes = np.concatenate([np.diff(part.starts) for part in parts])
    return Shingles(np.concatenate([part.hashes for part in parts]), np.concatenate([[0], np.cumsum(sizes)]))


def first_of(keys: Sequence[Hashable], order: Iterable[int]) -> dict[int, int]:
    """Position -> the first position in `order` with an equal key, for those that are not the first themselves."""
    firsts: dict[Hashable, int] = {}
    return {row: first for row in order if (first := firsts.setdefault(keys[row], row)) != row}


def near(
    fields: Sequence[Shingles], order: Sequence[int], threshold: float, difference: Difference = lambda row, other: "",
    reasons: dict[int, str] | None = None,
) -> dict[int, int]:  # fmt: skip
    """Row -> the first row in `order` that it is similar to, of those that are not similar to an earlier one.

    fields: the shingles of each row's instruction and of its input, say; rows are alike if all of them are. order: the
    rows to look at. threshold: Jaccard similarity, above 0, at most 1. difference: why two rows that similar
    are still different; `reasons` has the first for a row that is kept because of it.
    """
    reasons = {} if reasons is None else reasons
    index: dict[int, list[int]] = {}
    first_similar: dict[int, int] = {}
    place = {row: number for number, row in enumerate(order)}
    for row, rare in _rarest(fields, order, threshold):
        candidates = {other for shingle in rare for other in index.get(shingle, ())}
        alike = (other for other in sorted(candidates, key=place.__getitem__) if _alike(fields, row, other, threshold))
        first = next((other for other in alike if not _note(reasons, row, difference(row, other))), None)
        if first is not None:
            first_similar[row] = first
            reasons.pop(row, None)
            continue
        for shingle in rare:
            index.setdefault(shingle, []).append(row)
    return first_similar


def _note(reasons: dict[int, str], row: int, reason: str) -> str:
    """The reason, kept for the row if it is its first."""
    if reason:
        reasons.setdefault(row, reason)
    return reason


def _rarest(
    fields: Sequence[Shingles], order: Sequence[int], threshold: float
) -> Iterator[tuple[int, list[int]]]:  # fmt: skip
    """The rows, in order, with those of their rarest shingles that some other row has among its rarest as well.

    As many of a row's shingles are looked at as it takes for two rows that are alike to have one in common.
    """
    import numpy as np

    row, rank = _entries(fields, order)
    size = np.bincount(row, minlength=1)
    place = np.arange(len(row), dtype=np.int32) - (np.cumsum(size) - size).astype(np.int32)[row]
    prefix = place <= (size - np.ceil(threshold * size - SLACK)).astype(np.int32)[row]
    del place  # arrays with a number for each shingle are what this takes most memory for
    row, rank = row[prefix], rank[prefix]
    common = np.bincount(rank, minlength=1)[rank] > 1
    row, rank = row[common], rank[common]
    starts = np.searchsorted(row, np.arange(len(fields[0].starts)))
    return (
        (one, rank[starts[one] : starts[one + 1]].tolist()) for one in order if starts[one] < starts[one + 1]
    )  # fmt: skip


def _entries(fields: Sequence[Shingles], order: Sequence[int]) -> "tuple[NDArray[np.int32], NDArray[np.int32]]":
    """(row, rank) for every shingle of the rows in `order`, sorted; equal runs of different fields are not equal.

    A rank is smaller the fewer rows have the shingle; equal shingles, and no others, have equal ranks.
    """
    import numpy as np

    wanted = np.zeros(len(fields[0].starts) - 1, np.bool_)
    wanted[list(order)] = True
    sizes = [np.diff(field.starts) for field in fields]
    marks = (field.hashes ^ np.uint64(number) for number, field in enumerate(fields))
    rank = _rarity(np.concatenate([mark[np.repeat(wanted, size)] for mark, size in zip(marks, sizes, strict=True)]))
    # One integer for both, since integers are sorted in place.
    keys = np.concatenate([np.repeat(np.flatnonzero(wanted) << ROW_BITS, size[wanted]) for size in sizes])
    keys |= rank
    del rank
    keys.sort()
    row = (keys >> ROW_BITS).astype(np.int32)
    keys &= (1 << ROW_BITS) - 1
    return row, keys.astype(np.int32)


def _rarity(shingle: "NDArray[np.uint64]") -> "NDArray[np.int32]":
    """For each shingle a number that is smaller the fewer rows have it; equal for equal ones, and only for those."""
    import numpy as np

    order = np.argsort(shingle, kind="stable")
    by_value = shingle[order]
    which = np.append(np.int32(0), np.cumsum(by_value[1:] != by_value[:-1], dtype=np.int32))[: len(shingle)]
    del by_value
    count = np.bincount(which)
    rank_of = np.empty(len(count), np.int32)
    rank_of[np.argsort(count, kind="stable")] = np.arange(len(count), dtype=np.int32)
    rank = np.empty(len(shingle), np.int32)
    rank[order] = rank_of[which]
    return rank


def _alike(fields: Sequence[Shingles], one: int, other: int, threshold: float) -> bool:
    return all(_similarity(field.of(one), field.of(other)) >= threshold - SLACK for field in fields)


def _similarity(one: "NDArray[np.uint64]", other: "NDArray[np.uint64]") -> float:
    """Jaccard's: of what either has, the share that both have; 1 where neither has any."""
    import numpy as np

    both = len(np.intersect1d(one, other, assume_unique=True))
    either = len(one) + len(other) - both
    return both / either if either else 1.0
