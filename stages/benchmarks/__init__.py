"""One module a benchmark: its own files become questions, and a rule grades what a model answered.

BENCHMARKS names every benchmark that params.yaml may.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from stages.benchmarks import commonsenseqa, gsm8k, mgsm, seqeval, xquad
from stages.benchmarks.questions import Answer, Files, Question
from stages.records import Rejected

__all__ = ["BENCHMARKS", "Answer", "Benchmark", "Files", "Question"]


class Benchmark(NamedTuple):
    """How a benchmark is read and graded. Both functions are pure."""

    questions: Callable[[Files, Sequence[str], str], Iterator[Question | Rejected]]
    """(files, languages, licence) -> questions, and rows that are none with their reason (closed list: "empty").

    `languages` is [] where the benchmark has but one. Raises UserError naming file and row that do not fit."""
    grade: Callable[[Question, str], dict[str, float]] | None
    """(question, answer text) -> metric -> value in [0, 1]; a metric that can't be known is left out. None where only a
    judge can tell."""


BENCHMARKS: dict[str, Benchmark] = {
    "xquad": Benchmark(xquad.questions, xquad.grade),
    "mgsm": Benchmark(mgsm.questions, mgsm.grade),
    "mgsm-en": Benchmark(mgsm.direct_questions, mgsm.grade),
    "seqeval": Benchmark(seqeval.questions, None),
    "gsm8k": Benchmark(gsm8k.questions, gsm8k.grade),
    "commonsenseqa": Benchmark(commonsenseqa.questions, commonsenseqa.grade),
}
