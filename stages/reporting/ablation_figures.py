"""Figures of the ablations (paper 5.1, 5.2): lengths of arms, Table 6 as bars, following by the number of tasks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.reporting.ablation_pages import BAR
from stages.reporting.bar_panels import BarRow, bar_panel
from stages.reporting.charts import Bar, Drawing, axis_for
from stages.reporting.declared_benchmarks import is_sequential
from stages.reporting.findings import Findings, Score, mark_of, run_title
from stages.reporting.following_figure import Line, Point, following_figure
from stages.reporting.html import Safe, element
from stages.reporting.length_histograms import length_histogram
from stages.reporting.paper_cells import Number, PaperCells
from stages.reporting.paper_figure import figure_charts
from stages.reporting.paper_tables.automatic_tables import COLUMNS, TABLE_6
from stages.reporting.paper_tables.table_types import Row
from stages.reporting.score_section import judged, ordered, percent
from stages.reporting.standalone_svg import side_by_side, standalone_svg

AT_ONCE = 5
"""Lines in one figure of following: as many as there are markers."""
BASELINE, TREATMENT, OTHERS = 1, 2, (0, 3, 4, 5)
"""Numbers of colours within a figure."""
SECOND = ("accuracy", "quality")
"""The measure of the second panel, the first of these that an entry has."""
TITLES = {
    "accuracy": "Share of the tasks answered right",
    "quality": "Quality, from 0% (mark 1) to 100% (mark 5)",
    "": "(no second measure)",
}
SHORT = {"data level": "data", "instance level": "instance", "task level": "task",
         "generator CmdR+": "Cmd-R+", "base Mistral-7B": "Mistral"}  # fmt: skip
"""Setting in Table 6 -> its name in a narrow panel."""
TABLE_NOTE = (
    "Table 6, a panel for each benchmark: the paper's value above, ours below with its 95% interval. What is missing "
    "here, and where the paper's own tables disagree, is told at the table itself."
)
LENGTHS_NOTE = "Rows by length, before matching and after it. Where lengths match, one outline hides the other."
STYLE = """
.wide{overflow-x:auto}@media(max-width:760px){.wide svg{min-width:720px;max-width:none}
.wide::before{content:"Scroll the figure sideways";display:block;position:sticky;left:0;color:var(--soft);
font-size:12.5px}}
"""


def figures_of_ablations(findings: Findings, pages: Mapping[str, Mapping[str, Any]]) -> list[Safe]:
    """The three sections. pages: ablation -> its lengths, as `ablation_pages.ablations` returns them."""
    return [*_lengths(pages), *_table_6(findings), *_following(findings)]


def pictures(findings: Findings) -> dict[str, str]:
    """The figures as files by their path under data/report/."""
    made = {
        "ablations/table-6.svg": _paired(table_6_panels(findings), "Table 6 as bars"),
        "ablations/figure-2.svg": _paired([chart for chart in figure_charts(findings) if chart], "Figure 2"),
    }
    lines = [(entry, chart) for entry, charts in following_charts(findings).items() for chart in charts]
    return made | ({"ablations/following.svg": standalone_svg(lines)} if lines else {})


def _paired(charts: Sequence[Drawing], title: str) -> str:
    """Charts two by two, as a file."""
    rows = [side_by_side(charts[start : start + 2]) for start in range(0, len(charts), 2)]
    return standalone_svg([("", row) for row in rows], title=title)


def _lengths(pages: Mapping[str, Mapping[str, Any]]) -> Iterator[Safe]:
    if not pages:
        return
    yield element("h2", "Lengths of the arms", id="lengths")
    yield element("p", LENGTHS_NOTE)
    for name, page in pages.items():
        yield element("h3", name)
        charts = [element("div", chart, class_="chart") for chart in histograms(name, page)]
        yield element("div", *charts, class_="pair")


def histograms(name: str, page: Mapping[str, Any]) -> list[Drawing]:
    """The lengths of the arms before and after, on one scale. page: as stages/ablations/length_report.py writes it."""
    counts = {when: {arm: one["histogram"] for arm, one in page[when].items()} for when in ("before", "after")}
    most = max((rows for arms in counts.values() for bars in arms.values() for rows in bars), default=0)
    return [length_histogram(f"{name}, {when}", arms, BAR, most) for when, arms in counts.items()]


def _table_6(findings: Findings) -> Iterator[Safe]:
    yield element("h2", "Table 6 as bars", id="table-6")
    link = element("a", "the table", href="../paper.html#table-6")
    yield element("p", TABLE_NOTE, " See ", link, "; ", element("a", "as a picture", href="table-6.svg"), ".")
    charts = [element("div", panel, class_="chart") for panel in table_6_panels(findings)]
    for start in range(0, len(charts), 2):
        yield element("div", *charts[start : start + 2], class_="pair")


def table_6_panels(findings: Findings) -> list[Drawing]:
    """A panel for each column of Table 6."""
    cells = PaperCells(findings)
    return [_panel(column.title, place, findings, cells) for place, column in enumerate(COLUMNS)]


def _panel(title: str, place: int, findings: Findings, cells: PaperCells) -> Drawing:
    rows = [_bar_row(row, place, findings, cells) for row in TABLE_6.rows]
    values = [v for row in rows for bar in (row.theirs, row.ours) for v in bar if v is not None]
    return bar_panel(f"{title}, %", rows, axis_for(values)._replace(unit="%"))


def _bar_row(row: Row, place: int, findings: Findings, cells: PaperCells) -> BarRow:
    cell, (arm,) = row.cells[place], row.arms
    name = f"{SHORT[row.labels[1]]}: {row.labels[2]}"
    run = findings.paper.runs.get(arm)
    ours = cells.number(cell.wanted[0], run) if run else None
    theirs = Bar(float(cell.printed[0]))
    if not isinstance(ours, Number):
        return BarRow(name, theirs, Bar(None))
    return BarRow(name, theirs, Bar(ours.value, ours.low, ours.high), ours.mark)


def _following(findings: Findings) -> Iterator[Safe]:
    charts = following_charts(findings)
    if not charts:
        return
    yield element("h2", "Following by the number of tasks, every run", id="following")
    picture = element("a", "as a picture", href="following.svg")
    yield element("p", "The compared baseline is in every figure. Vertical lines: 95% intervals. See it ", picture, ".")
    for entry, drawings in charts.items():
        yield element("h3", entry)
        yield from (element("div", drawing, class_="chart wide", tabindex="0") for drawing in drawings)


def following_charts(findings: Findings) -> dict[str, list[Drawing]]:
    """Sequential benchmark -> figures with all runs that it has following of by the number of tasks, some in each."""
    some = [s for s in findings.scores if s.group.startswith("tasks:") and s.value is not None]
    entries = dict.fromkeys(
        s.benchmark for s in some if s.measure == "following" and is_sequential(findings, s.benchmark)
    )
    return {entry: _charts(findings, [s for s in some if s.benchmark == entry]) for entry in entries}


def _charts(findings: Findings, scores: Sequence[Score]) -> list[Drawing]:
    measures = {score.measure for score in scores}
    second = next((measure for measure in SECOND if measure in measures), "")
    runs = ordered([score.run for score in scores if score.measure == "following"], findings)
    first = [run for run in runs if run == findings.baseline]
    others = [run for run in runs if run != findings.baseline]
    size = AT_ONCE - len(first)
    groups = [others[start : start + size] for start in range(0, len(others), size)] or [[]]
    trained = findings.design.trained
    titles = ("Every task attempted, right or wrong", TITLES[second])
    return [
        following_figure(
            titles,
            [_line(findings, scores, run, second, hue) for run, hue in _hues(findings, first, group)],
            trained,
            (),
        )
        for group in groups
    ]


def _hues(findings: Findings, first: Sequence[str], group: Sequence[str]) -> list[tuple[str, int]]:
    """The runs of one figure with a colour of their own each."""
    free = iter(OTHERS if first else (*OTHERS, BASELINE))
    others = [(run, TREATMENT if run == findings.treatment else next(free)) for run in group]
    return [*((run, BASELINE) for run in first), *others]


def _line(findings: Findings, scores: Sequence[Score], run: str, second: str, colour: int) -> Line:
    panels = [
        sorted(_point(findings, s) for s in scores if (s.run, s.measure) == (run, measure))
        for measure in ("following", second)
    ]
    return Line(run_title(findings, run), colour, (panels[0], panels[1]))


def _point(findings: Findings, score: Score) -> Point:
    bar = percent(score)
    if judged(score.measure):
        bar = Bar(*(None if value is None else 25 * (value - 1) for value in bar))
    return Point(int(score.group.partition(":")[2]), bar, mark_of(findings, score))
