"""The comparisons that the report opens with, chosen before any result is known, on verified sequences.

Sequential against single-task training: on sequences of 2 to 4 tasks, on sequences longer than those trained on, on
types of task that no training set has, and between runs trained on rows of equal length.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stages.evaluation.benchmarks.run_comparisons import compare_groups
from stages.evaluation.metrics.intervals import holm
from stages.reporting.caveats import FEW
from stages.reporting.design import Design

HEADLINE = frozenset({2, 3, 4})
"""Numbers of tasks of the first comparison."""
MEASURES = ("following", "accuracy")
Scored = Mapping[str, Sequence[Any]]


class Claim(NamedTuple):
    """One comparison of two ways of training on verified sequences; shares in [0, 1]."""

    kind: str
    """headline, beyond, unseen or matched."""
    where: str
    """On which sequences, in words."""
    benchmark: str
    measure: str
    baseline: str
    treatment: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    """Adjusted by Holm's method for all claims."""
    detectable: float
    excluded: float
    lowest: float
    questions: int
    seeds: int
    """Runs of each group, the smaller number of the two."""

    @property
    def kinds(self) -> list[str]:
        """Kinds of caveat about it."""
        return ["few"] if self.questions < FEW else []


class _Planned(NamedTuple):
    kind: str
    where: str
    benchmark: str
    lengths: frozenset[int]
    measure: str
    baseline: str
    treatment: str


def claims(design: Design, scored: Scored, compare: Callable[..., Any]) -> list[Claim]:
    """Every planned comparison whose runs have answers, p adjusted for all of them together.

    scored: "run/benchmark" -> its single scores. compare: (baseline's scores, treatment's, metric) -> a comparison.
    """
    planned = ((one, _compared(one, design, scored, compare)) for one in _planned(design, scored))
    compared = [(one, result) for one, result in planned if result]
    adjusted = holm([result["p"] for _, result in compared])
    return [
        Claim(one.kind, one.where, one.benchmark, one.measure, one.baseline, one.treatment, **(result | {"p": p}))
        for (one, result), p in zip(compared, adjusted, strict=True)
    ]


def _planned(design: Design, scored: Scored) -> Iterator[_Planned]:
    both = design.baseline, design.treatment
    if not all(both) or design.baseline == design.treatment or not design.verified:
        return
    main = design.verified[0]
    lengths = frozenset(score.tasks for run in both for score in scored.get(f"{run}/{main}", ()))
    beyond = frozenset(tasks for tasks in lengths if design.trained and tasks > max(design.trained))
    for measure in MEASURES:
        yield _Planned("headline", _words(HEADLINE & lengths), main, HEADLINE, measure, *both)
        yield _Planned("beyond", f"{_words(beyond)}, longer than any trained on", main, beyond, measure, *both)
    for entry in design.unseen:
        where = f"{_words(HEADLINE)} of types that no training set has"
        yield _Planned("unseen", where, entry, HEADLINE, MEASURES[0], *both)
    for treatment, baseline in design.matched.items():
        where = f"{_words(HEADLINE & lengths)}, trained on rows of equal length"
        yield _Planned("matched", where, main, HEADLINE, MEASURES[0], baseline, treatment)


def _words(lengths: frozenset[int]) -> str:
    """ "2 to 4 tasks"; "" for none."""
    if not lengths:
        return ""
    first, last = min(lengths), max(lengths)
    return f"{first} to {last} tasks" if last > first else f"{first} tasks"


def _compared(planned: _Planned, design: Design, scored: Scored, compare: Callable[..., Any]) -> dict[str, Any] | None:
    groups = [_group(planned, design.group(run), scored) for run in (planned.baseline, planned.treatment)]
    if not all(groups):
        return None
    several = compare_groups(groups[0], groups[1], planned.measure)
    if several is None:
        return None
    seeds = min(map(len, groups))
    one = compare(groups[0][0], groups[1][0], planned.measure) if max(map(len, groups)) == 1 else several.comparison
    return {
        "before": sum(several.baseline) / len(several.baseline),
        "after": sum(several.treatment) / len(several.treatment),
        "difference": one.difference, "low": one.low, "high": one.high, "p": one.p, "detectable": one.detectable,
        "excluded": one.excluded, "lowest": one.lowest, "questions": one.n, "seeds": seeds,
    }  # fmt: skip


def _group(planned: _Planned, runs: Sequence[str], scored: Scored) -> list[list[Any]]:
    """The scores of each run of a group on the planned lengths; runs without any are left out."""
    some = ([s for s in scored.get(f"{run}/{planned.benchmark}", ()) if s.tasks in planned.lengths] for run in runs)
    return [scores for scores in some if any(planned.measure in score.values for score in scores)]
