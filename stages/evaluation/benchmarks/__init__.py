"""Benchmarks: one module each, which declares a `Benchmark`, and one line each in stages/core/registry.py."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from stages.core import registry
from stages.evaluation.benchmarks.declaration import Benchmark, input_texts
from stages.evaluation.benchmarks.questions import Question

__all__ = ["BENCHMARKS", "Benchmark", "compared_texts"]


class _Declarations(Mapping[str, Benchmark]):
    """Name in params.yaml -> declaration, whose module is imported when it is first used."""

    def __getitem__(self, name: str) -> Benchmark:
        """Raises KeyError for a name that is not registered."""
        return _declaration(registry.BENCHMARKS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(registry.BENCHMARKS)

    def __len__(self) -> int:
        return len(registry.BENCHMARKS)


@cache
def _declaration(entry: registry.Registered) -> Benchmark:
    declared = registry.implementation(entry)
    if not isinstance(declared, Benchmark):
        raise TypeError(f"{entry.implementation} is a {type(declared).__name__}, not a Benchmark")
    return declared


BENCHMARKS = _Declarations()


def compared_texts(questions: Iterable[Question]) -> Iterator[tuple[str, str]]:
    """(item, text) of every text that no training row should contain (`Benchmark.texts`)."""
    for question in questions:
        declared = BENCHMARKS.get(question.benchmark)
        yield from ((question.item, text) for text in (declared.texts if declared else input_texts)(question))
