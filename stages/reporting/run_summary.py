"""The few numbers by which people compare experiments: each is a column of `dvc exp show`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.reporting.declared_benchmarks import declaration, is_sequential, main_measure
from stages.reporting.findings import Findings, Score

MOST = 14
"""Numbers in all: a person reads `dvc exp show` on one screen."""


def run_summary(findings: Findings) -> dict[str, Any]:
    """At most `MOST` numbers: 2 for each sequential benchmark, 2 for the training data, 1 for each other benchmark.

    sequential: benchmark -> run -> its main measure, in [0, 1], of the baseline and the treatment.
    other: benchmark -> measure -> score of the treatment, in [0, 1], or 1 to 5 for `quality`.
    data: of the first corpus with responses after its last round, the mean number of `tasks` of an instruction and the
    mean `output_tokens` of a response.
    Empty parts are left out.
    """
    summary: dict[str, dict[str, Any]] = {"sequential": {}, "other": {}, "data": _data(findings)}
    compared = (findings.baseline, findings.treatment)
    for score in _whole(findings.scores):
        declared = declaration(findings, score.benchmark) if score.maker == "evaluate" else None
        if declared and declared.sequential and score.measure == declared.main_measure and score.run in compared:
            summary["sequential"].setdefault(score.benchmark, {})[score.run] = _rounded(score)
    treatment: dict[str, dict[str, Score]] = {}
    for score in _whole(findings.scores):
        if score.run == findings.treatment and score.maker == "evaluate":
            treatment.setdefault(score.benchmark, {})[score.measure] = score
    for benchmark, scores in treatment.items():
        if not is_sequential(findings, benchmark):
            measure = main_measure(findings, benchmark, scores)
            summary["other"][benchmark] = {measure: _rounded(scores[measure])}
    return {part: numbers for part, numbers in _first(summary).items() if numbers}


def _first(summary: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Whole entries in the order sequential, data, other, until another one would make more than `MOST` numbers."""
    kept: dict[str, dict[str, Any]] = {part: {} for part in summary}
    left = MOST
    for part in ("sequential", "data", "other"):
        for name, numbers in summary[part].items():
            left -= len(numbers) if isinstance(numbers, Mapping) else 1
            if left >= 0:
                kept[part][name] = numbers
    return kept


def _whole(scores: Iterable[Score]) -> Iterator[Score]:
    """Scores of whole benchmarks that have a value."""
    return (score for score in scores if not score.group and score.value is not None)


def _rounded(score: Score) -> float:
    assert score.value is not None
    return round(score.value, 4)


def _data(findings: Findings) -> dict[str, float]:
    """Means over the rows of the first corpus with responses, after its last round."""
    rounds = [one for one in findings.rounds if one.round and one.output_tokens is not None]
    last = next((one for one in reversed(rounds) if one.corpus == rounds[0].corpus), None)
    if last is None:
        return {}
    numbers = {"tasks": last.tasks, "output_tokens": last.output_tokens}
    return {name: round(value, 4) for name, value in numbers.items() if value is not None}
