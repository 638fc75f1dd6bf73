"""Benchmarks: one module each, which declares a `Benchmark`, and one line each in stages/core/registry.py."""

from collections.abc import Iterable, Iterator

from stages.core import registry
from stages.evaluation.benchmarks.declaration import Benchmark, input_texts
from stages.evaluation.benchmarks.questions import Question

__all__ = ["BENCHMARKS", "Benchmark", "compared_texts"]


BENCHMARKS = registry.Implementations(registry.BENCHMARKS, Benchmark)
"""`benchmark` in params.yaml -> its declaration."""


def compared_texts(questions: Iterable[Question]) -> Iterator[tuple[str, str]]:
    """(item, text) of every text that no training row should contain (`Benchmark.texts`)."""
    for question in questions:
        declared = BENCHMARKS.get(question.benchmark)
        yield from ((question.item, text) for text in (declared.texts if declared else input_texts)(question))
