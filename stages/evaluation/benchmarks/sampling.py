"""Which questions of a benchmark are asked: a nested sample of its items, and the counts of what was read."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from stages.core.records import Rejected
from stages.evaluation.benchmarks.questions import Question

Answered = TypeVar("Answered")


class Drawn(NamedTuple):
    """Which questions a judge looks at, and how often what it says of them is resampled."""

    sample: int | None
    """How many items; None for all."""
    controls: int
    """To how many questions it is shown the answer to another one: what a judge must tell apart to be believed."""
    seed: int
    resamples: int


def select(
    items: Iterable[Question | Rejected], size: int | None, seed: int, first: int | None = None
) -> Iterator[Question | Rejected]:
    """All versions of `size` of each benchmark's items in their order, or of all for None; the rejected pass.

    `first`: only the first so many items are drawn from, in the order of the file (the paper's 100 of CommonsenseQA).
    An item's draw is SHA-256 of "<seed>:<benchmark>-<item>:sample", and the smallest are kept: a smaller sample lies
    inside a larger one, and the versions of an item (languages, prompts) are drawn together.
    """
    found = list(items)
    items_of: dict[str, dict[str, None]] = defaultdict(dict)
    for question in found:
        if isinstance(question, Question):
            items_of[question.benchmark][f"{question.benchmark}-{question.item}"] = None
    kept = {name for names in items_of.values() for name in _drawn(list(names)[:first], size, seed)}
    return (q for q in found if isinstance(q, Rejected) or f"{q.benchmark}-{q.item}" in kept)


def sampled(questions: Iterable[Question], size: int | None, seed: int) -> list[Question]:
    """The questions of a sample, see `select`."""
    return [question for question in select(questions, size, seed) if isinstance(question, Question)]


def planted(pairs: Sequence[tuple[Question, Answered]]) -> list[tuple[Question, Answered]]:
    """Each question with the answer to the next one, the last with the first's; none where there is but one."""
    others = [*pairs[1:], *pairs[:1]] if len(pairs) > 1 else []
    return [(question, answer) for (question, _), (_, answer) in zip(pairs, others, strict=False)]


def shortage(sample: int | None, controls: int, judged: Iterable[Any]) -> str:
    """What a judge was to look at and did not, in words; "" for nothing.

    judged: scores with an `item`, those with `control` set being controls. `sample` counts items, as in `select`.
    """
    found = list(judged)
    items = len({row.item for row in found if not getattr(row, "control", False)})
    swapped = sum(getattr(row, "control", False) for row in found)
    few = [f"wanted a sample of {sample:,} questions, there are {items:,}"] if sample and items < sample else []
    return "; ".join(few + ([f"wanted {controls:,} controls, got {swapped:,}"] if swapped < controls else []))


def _drawn(names: list[str], size: int | None, seed: int) -> list[str]:
    return names if size is None else heapq.nsmallest(size, names, key=lambda name: _draw(seed, name))


def _draw(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}:sample".encode()).hexdigest()


class Tally:
    """Counts what passes."""

    def __init__(self) -> None:
        self.languages: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.words = 0
        self._items: defaultdict[str, set[str]] = defaultdict(set)

    def split(self, items: Iterable[Question | Rejected]) -> Iterator[tuple[str, Question | Rejected]]:
        """Each item with the name of the file it belongs to: "kept" or "rejected"."""
        for item in items:
            if isinstance(item, Rejected):
                self.rejected[item.reason] += 1
            else:
                self.languages[item.language] += 1
                self._items[item.benchmark].add(item.item)
                self.words += len(item.instruction.split()) + len(item.input.split())
            yield "rejected" if isinstance(item, Rejected) else "kept", item

    def shortage(self, sample: int | None, first: int | None) -> str:
        """What the wanted number of questions lacks, in words; "" for nothing. Versions of an item count once."""
        wanted = min(filter(None, (sample, first)), default=0)
        few = {name: len(items) for name, items in self._items.items() if len(items) < wanted}
        return "; ".join(f"wanted {wanted:,} questions of {name}, there are {count:,}" for name, count in few.items())

    @property
    def read(self) -> int:
        """Items that passed."""
        return self.languages.total() + self.rejected.total()

    def metrics(self) -> dict[str, Any]:
        """Questions kept, by language, rejected by reason, and mean words of a question with its input."""
        kept = self.languages.total()
        return {
            "kept": kept,
            "languages": dict(self.languages),
            "rejected": dict(self.rejected),
            "mean_words": round(self.words / max(1, kept), 2),
        }
