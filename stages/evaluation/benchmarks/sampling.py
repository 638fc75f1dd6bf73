"""Sample the items of a benchmark (a smaller sample lies inside a larger one), and count the questions read."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from stages.core.records import Rejected
from stages.evaluation.benchmarks.questions import Question

T = TypeVar("T")


class JudgeSample(NamedTuple):
    """The questions that a judge gets, and the resamples of statistics on its verdicts."""

    size: int | None
    """Number of items; None for all."""
    controls: int
    """Number of questions that are also judged with the answer to another question; a reliable judge gives
    these lower scores."""
    seed: int
    resamples: int


def select_items(
    items: Iterable[Question | Rejected], size: int | None, seed: int, first: int | None = None
) -> Iterator[Question | Rejected]:
    """All questions of `size` items of each benchmark in their order, of all items for None; rejected rows pass.

    first: only the first so many items of the file are sampled from (the paper's 100 of CommonsenseQA). An item's draw
    is SHA-256 of "<seed>:<benchmark>-<item>:sample", and the smallest draws are kept: a smaller sample lies inside a
    larger one, and the versions of an item (languages, prompts) stay together.
    """
    rows = list(items)
    items_of: dict[str, dict[str, None]] = defaultdict(dict)
    for question in rows:
        if isinstance(question, Question):
            items_of[question.benchmark][f"{question.benchmark}-{question.item}"] = None
    kept = {name for names in items_of.values() for name in _smallest_draws(list(names)[:first], size, seed)}
    return (q for q in rows if isinstance(q, Rejected) or f"{q.benchmark}-{q.item}" in kept)


def sample_questions(questions: Iterable[Question], size: int | None, seed: int) -> list[Question]:
    """The questions of a sample, see `select_items`."""
    return [question for question in select_items(questions, size, seed) if isinstance(question, Question)]


def swap_answers(pairs: Sequence[tuple[Question, T]]) -> list[tuple[Question, T]]:
    """Each question with the answer to the next one, the last with that to the first; empty for a single pair."""
    others = [*pairs[1:], *pairs[:1]] if len(pairs) > 1 else []
    return [(question, answer) for (question, _), (_, answer) in zip(pairs, others, strict=False)]


def shortage(sample: int | None, controls: int, scores: Iterable[Any]) -> str:
    """A warning where there are fewer questions or controls than params.yaml wants, else "".

    scores: rows with an `item`; controls among them have `control` set. `sample` counts items, as in `select_items`.
    """
    rows = list(scores)
    items = len({row.item for row in rows if not getattr(row, "control", False)})
    swapped = sum(getattr(row, "control", False) for row in rows)
    few = [f"wanted a sample of {sample:,} questions, there are {items:,}"] if sample and items < sample else []
    return "; ".join(few + ([f"wanted {controls:,} controls, got {swapped:,}"] if swapped < controls else []))


def _smallest_draws(names: list[str], size: int | None, seed: int) -> list[str]:
    return names if size is None else heapq.nsmallest(size, names, key=lambda name: _draw(seed, name))


def _draw(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}:sample".encode()).hexdigest()


class QuestionStats:
    """Counts of the questions and rejected rows that passed through `split`."""

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
        """A warning where a benchmark has fewer items than wanted, else ""; versions of an item count once."""
        wanted = min(filter(None, (sample, first)), default=0)
        few = {name: len(items) for name, items in self._items.items() if len(items) < wanted}
        return "; ".join(f"wanted {wanted:,} questions of {name}, there are {count:,}" for name, count in few.items())

    @property
    def read(self) -> int:
        """Number of questions and rejected rows."""
        return self.languages.total() + self.rejected.total()

    def metrics(self) -> dict[str, Any]:
        """Number of questions kept, by language; of rows rejected, by reason; mean words of a question with input."""
        kept = self.languages.total()
        return {
            "kept": kept,
            "languages": dict(self.languages),
            "rejected": dict(self.rejected),
            "mean_words": round(self.words / max(1, kept), 2),
        }
