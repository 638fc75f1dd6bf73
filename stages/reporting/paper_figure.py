"""Figure 2 of the paper: quality, following and win rates against the number of tasks, ours beside the paper's."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stages.reporting.charts import Axis, Bar, Drawing
from stages.reporting.findings import Findings
from stages.reporting.html import Safe, element, join
from stages.reporting.interval_lines import Curve, axis_around, interval_lines
from stages.reporting.paper_cells import Number, PaperCells
from stages.reporting.paper_tables.seqeval_tables import ITERATIONS, TABLE_13, wanted

SHOWN = {
    "command-r": ("Cmd-R", 3), "gpt-35-turbo": ("GPT-3.5", 5), "alpaca-wizardlm": ("WizardLM", 4),
    "alpaca-it": ("IT", 1), "alpaca-sit": ("SIT", 2),
}  # fmt: skip
"""Arm of Figure 2 -> its name in the legend, and the number of its colour."""
NOTE = (
    "SeqEval after each of its four rounds, which add one task each: quality (1 to 5) and following, as in the paper's "
    "figure, and the win rates of Table 13. Axes do not begin at 0. Numbers are in Table 13."
)


class Part(NamedTuple):
    """One measure of the figure."""

    title: str
    column: int
    """Its column in Table 13."""
    digits: int = 1
    unit: str = "%"


PARTS = (
    Part("Response quality, 1 to 5", 0, 2, ""),
    Part("Following all tasks", 1),
    Part("Win rate against GPT-3.5-Turbo", 2),
    Part("Win rate against Command R", 3),
)
Curves = Mapping[str, Curve]


def paper_figure(findings: Findings, cells: PaperCells) -> Iterator[Safe]:
    """The section with the figure: each measure of the paper beside ours, or that there is none of ours."""
    yield element("h2", "Figure 2: a growing number of tasks", id="figure-2")
    yield element("p", NOTE, " See it ", element("a", "as a picture", href="ablations/figure-2.svg"), ".")
    yield from _missing(findings, cells)
    for part in PARTS:
        drawn = (element("div", chart or _nothing(part), class_="chart") for chart in _pair(findings, cells, part))
        yield element("div", *drawn, class_="pair")


def figure_charts(findings: Findings) -> list[Drawing | None]:
    """For each measure the paper's chart and ours; None where there is nothing of ours."""
    cells = PaperCells(findings)
    return [chart for part in PARTS for chart in _pair(findings, cells, part)]


def _pair(findings: Findings, cells: PaperCells, part: Part) -> list[Drawing | None]:
    return [_chart(f"{part.title}: {source}", curves, part) for source, curves in _both(findings, cells, part)]


def _both(findings: Findings, cells: PaperCells, part: Part) -> tuple[tuple[str, Curves], tuple[str, Curves]]:
    return ("the paper's", their_curves(part.column)), ("ours", our_curves(findings, cells, part.column))


def their_curves(column: int) -> dict[str, Curve]:
    """Name in the legend -> the paper's values by the number of tasks. column: of Table 13."""
    curves = {}
    for arm, (name, colour) in SHOWN.items():
        printed = {int(row.labels[0]): row.cells[column].printed[0] for row in TABLE_13.rows if row.arms == (arm,)}
        points = {iteration + 1: Bar(float(text)) for iteration, text in printed.items() if text != "-"}
        if points:
            curves[name] = Curve(colour, points)
    return curves


def our_curves(findings: Findings, cells: PaperCells, column: int) -> dict[str, Curve]:
    """The same for the runs that stand for the paper's models, as far as they have numbers."""
    curves = {}
    for arm, (name, colour) in SHOWN.items():
        if run := findings.paper.runs.get(arm):
            numbers = {i + 1: cells.number(wanted(i)[column], run) for i in ITERATIONS}
            points = {x: Bar(n.value, n.low, n.high) for x, n in numbers.items() if isinstance(n, Number)}
            if points:
                curves[name] = Curve(colour, points)
    return curves


def _chart(title: str, curves: Curves, part: Part) -> Drawing | None:
    if not curves:
        return None
    values = [v for curve in curves.values() for bar in curve.points.values() for v in bar if v is not None]
    axis: Axis = axis_around(values, part.unit, part.digits)
    return interval_lines(title, curves, axis, "tasks in the query")


def _nothing(part: Part) -> Safe:
    words = "Ours: no run that stands for one of these models has this on SeqEval after a round."
    return join([element("p", part.title), element("p", words, class_="gap")])


def _missing(findings: Findings, cells: PaperCells) -> Iterator[Safe]:
    """The models of the figure that have nothing here."""
    drawn = {name for part in PARTS for name in our_curves(findings, cells, part.column)}
    absent = [name for name, _ in SHOWN.values() if name not in drawn]
    if absent:
        names = ", ".join(absent)
        yield element("p", f"Missing of ours: {names}. Table 13 says why, row by row.", class_="note")
