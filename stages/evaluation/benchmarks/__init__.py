"""One module a benchmark: its own files become questions, and a rule grades what a model answered.

BENCHMARKS names every benchmark that params.yaml may.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from stages.core.errors import UserError
from stages.core.records import Rejected
from stages.evaluation.benchmarks import (
    alpaca_eval,
    commonsenseqa,
    generic,
    gqa,
    gsm8k,
    humaneval,
    mgsm,
    seqeval,
    sifo,
    verified,
    vqav2,
    xquad,
)
from stages.evaluation.benchmarks.program_outcomes import Program
from stages.evaluation.benchmarks.questions import Answer, Files, Question, Wording
from stages.readers.layout import Choice

__all__ = ["BENCHMARKS", "Answer", "Benchmark", "Files", "Question"]


class Benchmark(NamedTuple):
    """How a benchmark is read and graded. Both functions are pure."""

    questions: Callable[..., Iterator[Question | Rejected]]
    """(files, languages, licence), and the wording if the benchmark is `worded` -> questions, and rows that are none
    with their reason (closed list: "empty"; "no-caption", where captions stand in for a picture that has none).

    `languages` is [] where the benchmark has but one. Raises UserError naming file and row that do not fit."""
    grade: Callable[[Question, str], dict[str, float]] | None
    """(question, answer text) -> metric -> value in [0, 1]; a metric that can't be known is left out. None where only a
    judge can tell, or only a run of `program`."""
    program: Callable[[Question, str], Program] | None = None
    """(question, answer text) -> the program with its test; run in a sandbox, never here."""
    weigh: Callable[[Question, Mapping[str, float]], dict[str, float]] | None = None
    """(question, choice -> log-probability) -> metric -> value, where choices are weighed and nothing is written."""
    alike: bool = False
    """Whether an answer is also held against its question's reference by BERTScore, if params name a model for it."""
    harness: bool = False
    """Whether lm-evaluation-harness asks it, by the task that the question's `meta` names."""
    one_split: bool = True
    """Whether it is one split and config of a download, so that params.yaml may name another."""
    worded: bool = False
    """Whether intermediate tasks are asked for in the words of params.yaml, as in training."""

    def read(
        self, files: Files, languages: Sequence[str], licence: str, wording: Wording
    ) -> Iterator[Question | Rejected]:
        """The questions of a benchmark's own files. wording: chain -> how its intermediate task is asked for.

        Raises UserError where the entry names a split or a config and the benchmark is several of them.
        """
        choice = getattr(files, "choice", Choice())
        if not self.one_split and (choice.split or choice.config):
            raise UserError("params.yaml: `split` and `config` choose nothing of this benchmark; remove them")
        return self.questions(files, languages, licence, *([wording] if self.worded else []))


BENCHMARKS: dict[str, Benchmark] = {
    "xquad": Benchmark(xquad.questions, xquad.grade, one_split=False, worded=True),
    "mgsm": Benchmark(mgsm.questions, mgsm.grade, one_split=False),
    "mgsm-en": Benchmark(mgsm.direct_questions, mgsm.grade, one_split=False),
    "seqeval": Benchmark(seqeval.questions, None),
    "alpaca_eval": Benchmark(alpaca_eval.questions, None),
    "gsm8k": Benchmark(gsm8k.questions, gsm8k.grade),
    "commonsenseqa": Benchmark(commonsenseqa.questions, commonsenseqa.grade, alike=True, worded=True),
    "mmlu": Benchmark(generic.mmlu, None, weigh=generic.weigh_mmlu, harness=True),
    "arc": Benchmark(generic.arc, None, weigh=generic.weigh_arc, harness=True),
    "gsm8k-harness": Benchmark(generic.gsm8k, generic.grade_gsm8k, harness=True),
    "generic": Benchmark(generic.suite, None, one_split=False),
    "humaneval": Benchmark(humaneval.questions, None, humaneval.program),
    "vqav2": Benchmark(vqav2.questions, vqav2.grade, worded=True),
    "sifo": Benchmark(sifo.questions, sifo.grade, one_split=False),
    "verified": Benchmark(verified.questions, verified.grade, one_split=False),
    "gqa": Benchmark(gqa.questions, gqa.grade, worded=True),
}
