"""The differences that the planned comparisons can detect with their numbers of questions, before any model is run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.evaluation.benchmarks.questions import Question
from stages.evaluation.metrics.design_power import adjusted_for, detectable, questions_for
from stages.params import Params
from stages.reporting.design import Design, design
from stages.reporting.planned_comparisons import HEADLINE

EVALUATING = ("predict", "predict_model", "evaluate", "evaluate_model")
"""Stages of which one at least is planned where a plan has these rows."""
NOTE = (
    "Detectable: the smallest true difference between two shares that so many questions show with a chance of 80% "
    "(two-sided test at 5%, paired by question), on the safe side: both runs near 50% and independent of each other. "
    "Runs that agree more often show smaller ones. It is for one measure with one training seed; the first of "
    "{measures} measures under Holm's method needs {factor:.2f} times as much, and a spread between training seeds "
    "adds to it."
)


class PowerRow(msgspec.Struct, frozen=True):
    """A planned comparison of two runs on one benchmark."""

    benchmark: str
    compared: str
    questions: int | None
    """Independent questions: the versions of an item (languages, prompts) count once. None where they are not known."""
    detectable: float | None
    """Percentage points; None where no difference is detected."""
    effect: float | None
    """report.effect, in percentage points."""
    needed: int | None
    """Questions that show the effect with a chance of 80%."""


def power_rows(folder: Path, params: Params, planned: Iterable[str]) -> list[PowerRow]:
    """A row for each benchmark and pair of runs that the report compares; [] where no planned stage tests a model.

    folder: the checkout, or an overlay of it. planned: names of stages, as NAME or NAME@ENTRY.
    """
    if not {stage.partition("@")[0] for stage in planned} & set(EVALUATING):
        return []
    plan = design(params.model_dump(mode="json"))
    pairs = [(plan.treatment, plan.baseline), *plan.matched.items()]
    return [
        _row(title, f"{treatment} - {baseline}", count, plan.effect)
        for treatment, baseline in pairs if treatment and baseline
        for name in params.benchmarks_of(treatment) if name in params.benchmarks_of(baseline)
        for title, count in _counts(folder, params, plan, name)
    ]  # fmt: skip


def _row(benchmark: str, compared: str, questions: int | None, effect: float | None) -> PowerRow:
    points = None if questions is None else 100 * detectable(questions)
    return PowerRow(
        benchmark, compared, questions, round(points, 1) if points is not None and isfinite(points) else None,
        effect and round(100 * effect, 2), questions_for(effect) if effect else None,
    )  # fmt: skip


def _counts(folder: Path, params: Params, plan: Design, name: str) -> Iterator[tuple[str, int | None]]:
    """(benchmark, its number of items); of verified sequences also those of the report's first comparison."""
    path = folder / "data" / "ingested" / "benchmarks" / f"{name}.jsonl"
    if not path.exists():
        yield name, _expected(params, name)
        return
    tasks = {question.item: question.tasks for question in artifacts.read(path, Question)}
    yield name, len(tasks)
    if name in (*plan.verified, *plan.unseen):
        yield f"{name}, {min(HEADLINE)} to {max(HEADLINE)} tasks", sum(number in HEADLINE for number in tasks.values())


def _expected(params: Params, name: str) -> int | None:
    """How many questions a benchmark will have that is not read in yet, as far as params.yaml says it."""
    entry = params.ingest.benchmarks[name]
    generated = {f"data/generated/{key}.jsonl": value.count for key, value in params.generate.items()}
    return entry.sample or entry.first or generated.get(entry.source)


def power_table(rows: Sequence[PowerRow]) -> Any:
    """The rows as a table for a terminal."""
    from rich.table import Table

    effect = next((row.effect for row in rows if row.effect), None)
    table = Table(
        box=None, pad_edge=False, header_style="bold", title="What the comparisons can show", title_justify="left"
    )
    table.add_column("benchmark", overflow="fold")
    table.add_column("compared", overflow="fold")
    for name in ("questions", "detectable", *([f"questions for {effect:g} points"] if effect else [])):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: PowerRow) -> list[Any]:
    from rich.text import Text

    questions = "?" if row.questions is None else f"{row.questions:,}"
    points = "?" if row.questions is None else "none" if row.detectable is None else f"{row.detectable:.1f} points"
    needed = [] if row.needed is None else [f"{row.needed:,}"]
    return [*map(Text, (row.benchmark, row.compared, questions, points, *needed))]


def power_note(rows: Sequence[PowerRow]) -> str:
    """What the table assumes."""
    by_pair: Mapping[str, list[PowerRow]] = {row.compared: [] for row in rows}
    for row in rows:
        by_pair[row.compared].append(row)
    measures = max(map(len, by_pair.values()), default=1)
    return NOTE.format(measures=measures, factor=adjusted_for(measures))
