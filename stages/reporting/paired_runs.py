"""Pairs of runs beyond their means: flips of single answers, and groups of runs that differ in the training seed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import stdev
from typing import Any, NamedTuple

from msgspec import to_builtins

from stages.evaluation.benchmarks.run_comparisons import Flips, SeedGroups, compare_groups, flips
from stages.evaluation.benchmarks.score_statistics import summary
from stages.evaluation.metrics.intervals import holm
from stages.reporting.design import Design

Scored = Mapping[str, Sequence[Any]]
"""Scores by "run/benchmark"."""


class FlipRow(NamedTuple):
    """What becomes of the baseline's answers in the treatment, for one measure of a benchmark."""

    benchmark: str
    measure: str
    flips: Flips


class SeedRow(NamedTuple):
    """One measure of a benchmark over all training seeds of the baseline and of the treatment."""

    benchmark: str
    measure: str
    groups: SeedGroups
    p: float
    """Adjusted by Holm's method for all rows."""

    @property
    def spreads(self) -> tuple[float | None, float | None]:
        """Standard deviation between the seeds, of the baseline and of the treatment; None for a single seed."""
        first, second = (
            stdev(runs) if len(runs) > 1 else None for runs in (self.groups.baseline, self.groups.treatment)
        )
        return first, second


def flip_rows(pairs: Iterable[tuple[str, str]], design: Design, scored: Scored) -> list[FlipRow]:
    """A row for each (benchmark, measure) whose values are right or wrong."""
    rows = []
    for benchmark, measure in pairs:
        before, after = (scored.get(f"{run}/{benchmark}", ()) for run in (design.baseline, design.treatment))
        if (turned := flips(before, after, measure)) is not None:
            rows.append(FlipRow(benchmark, measure, turned))
    return rows


def seed_rows(pairs: Iterable[tuple[str, str]], design: Design, scored: Scored) -> list[SeedRow]:
    """A row for each (benchmark, measure); none where baseline and treatment have one seed each."""
    groups = [design.group(run) for run in (design.baseline, design.treatment)]
    if max(map(len, groups)) < 2:
        return []
    compared = []
    for benchmark, measure in pairs:
        before, after = (list(_answers(group, benchmark, measure, scored)) for group in groups)
        if (result := compare_groups(before, after, measure)) is not None:
            compared.append((benchmark, measure, result))
    adjusted = holm([result.comparison.p for *_, result in compared])
    return [SeedRow(*row, p) for row, p in zip(compared, adjusted, strict=True)]


def pooled(design: Design, scored: Scored) -> dict[str, dict[str, Any]]:
    """ "run/benchmark" -> the summary over all training seeds of the run, on verified sequences; {} for single seeds.

    The first run of a group stands for it. Answers of all seeds to one question are one item of the intervals.
    """
    summaries = {}
    for run, group in design.seeds.items():
        for entry in design.verified if run == group[0] and len(group) > 1 else ():
            if answers := [score for other in group for score in scored.get(f"{other}/{entry}", ())]:
                summaries[f"{run}/{entry}"] = to_builtins(summary(answers))
    return summaries


def _answers(group: Sequence[str], benchmark: str, measure: str, scored: Scored) -> Iterator[Sequence[Any]]:
    """The scores of every run of a group that has the measure."""
    for run in group:
        scores = scored.get(f"{run}/{benchmark}", ())
        if any(measure in score.values for score in scores):
            yield scores
