"""Scores of a run from data/evaluated/, and what the benchmarks declare about them."""

from collections.abc import Iterator, Mapping
from typing import Any

from stages.evaluation.benchmarks import BENCHMARKS
from stages.model_publishing.model_facts import BenchmarkSetup, ModelFacts, Score

MARKS = "quality"
"""What the names of a judge's marks from 1 to 5 begin with; every other measure is a share."""
JUDGED = {
    "following": "the judge says that the answer did every task", MARKS: "the judge's mark of the answer, 1 to 5"
}  # fmt: skip
"""Measures of judged benchmarks -> their meaning."""


def scores(benchmark: str, kind: str, summary: Mapping[str, Any]) -> Iterator[Score]:
    """The scores of a run on a benchmark over all its answers, the main measure first.

    summary: data/evaluated/RUN/BENCHMARK.json. Only what the benchmark declares is a score; not what its groups have.
    """
    for measure in dict.fromkeys([main_measure(kind), *meanings(kind)]):
        one = summary.get(measure)
        if isinstance(one, dict) and {"mean", "low", "high", "n"} <= one.keys() and one["mean"] is not None:
            marks = measure.startswith(MARKS)
            value, low, high = (round(one[key] * (1 if marks else 100), 2) for key in ("mean", "low", "high"))
            yield Score(benchmark, kind, measure, value, low, high, one["n"], "marks" if marks else "percent")


def main_measure(kind: str) -> str:
    """The measure by which a benchmark is compared."""
    declared = BENCHMARKS.get(kind)
    return declared.main_measure if declared else "accuracy"


def meanings(kind: str) -> dict[str, str]:
    """Measure -> its meaning."""
    declared = BENCHMARKS.get(kind)
    return {} if declared is None else {**(JUDGED if declared.judge else {}), **declared.metrics}


def title(kind: str) -> str:
    """What a benchmark is, for people."""
    declared = BENCHMARKS.get(kind)
    return declared.title if declared else kind


def is_judged(kind: str) -> bool:
    """Whether a judge scores its answers."""
    declared = BENCHMARKS.get(kind)
    return declared is not None and declared.judge


def main_score(facts: ModelFacts, benchmark: str, measure: str | None = None) -> Score | None:
    """The score of a benchmark by a measure, or by its main one; None where there is none."""
    of_benchmark = [one for one in facts.scores if one.benchmark == benchmark]
    return next((one for one in of_benchmark if one.measure == (measure or main_measure(one.kind))), None)


def setup(one: BenchmarkSetup) -> str:
    """How a benchmark was asked, in a few words without Markdown: "greedy, at most 96 tokens, chat template"."""
    sampling = one.sampling
    drawn = "greedy" if not sampling["temperature"] else f"temperature {sampling['temperature']:g}"
    if sampling["temperature"] and sampling["top_p"] < 1:
        drawn += f", top_p {sampling['top_p']:g}"
    if sampling["temperature"] and sampling["top_k"]:
        drawn += f", top_k {sampling['top_k']}"
    template = "chat template" if one.template == "chat" else "no chat template"
    several = f", {one.samples} answers to a question" if one.samples > 1 else ""
    return f"{drawn}, at most {sampling['max_tokens']} tokens, {template}{several}"
