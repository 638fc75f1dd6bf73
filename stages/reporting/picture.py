"""The picture of the README: following against the number of tasks, else what Seq-Instruct chose, and scores."""

from collections.abc import Iterator, Mapping, Sequence

from stages.reporting.caveats import legend_of
from stages.reporting.charts import Drawing
from stages.reporting.data_section import actions_chart
from stages.reporting.findings import Findings, Score, kinds_of, mark_of, run_title
from stages.reporting.following_figure import Line, Point, following_figure
from stages.reporting.score_section import colours, ordered, percent, score_charts
from stages.reporting.standalone_svg import standalone_svg

PANELS = ("following", "accuracy")
"""The measures of the two panels."""
TITLES = ("Every task attempted, right or wrong", "Share of the tasks answered right")
MOST_RUNS = 6
"""Lines of the figure."""


def picture(findings: Findings) -> str:
    """One SVG: the figure on verified sequences; where they were not answered, actions by round and scores."""
    charts = [*_figure(findings)] or [*_overview(findings)]
    return standalone_svg(charts, title="" if charts else "Results of this run")


def _overview(findings: Findings) -> Iterator[tuple[str, Drawing]]:
    if findings.rounds:
        yield "What Seq-Instruct chose", actions_chart(findings.rounds)
    whole = [score for score in findings.scores if not score.group]
    signs = legend_of({kind for score in whole for kind in kinds_of(findings, score)})
    for chart in score_charts(findings)[:1]:
        yield f"Scores by run, %{f' ({signs})' if signs else ''}", chart


def _figure(findings: Findings) -> Iterator[tuple[str, Drawing]]:
    """The figure on the first entry of verified sequences that has scores by the number of tasks."""
    for entry in findings.design.verified:
        if lines := figure_lines(findings, entry):
            title = "Following sequences of instructions, by the number of tasks"
            yield title, following_figure(TITLES, lines, findings.design.trained, _note(findings, entry))
            return


def figure_lines(findings: Findings, entry: str) -> list[Line]:
    """A line for the untuned base, the baseline, the treatment and length-matched arms, as far as evaluated."""
    scores = _scores(findings, entry)
    hues = colours(findings)
    return [
        Line(_title(findings, run), hues[run], (_points(findings, scores, run, 0), _points(findings, scores, run, 1)))
        for run in _runs(findings, {score.run for score in scores})
    ]


def _scores(findings: Findings, entry: str) -> list[Score]:
    """The scores of both panels; of runs with several training seeds, those over all of them."""
    pooled = {score.run for score in findings.pooled}
    some = [*findings.pooled, *(score for score in findings.scores if score.run not in pooled)]
    return [s for s in some if s.benchmark == entry and s.measure in PANELS and _by_tasks(s)]


def _by_tasks(score: Score) -> bool:
    return score.group.startswith("tasks:") and score.value is not None


def _runs(findings: Findings, answered: set[str]) -> list[str]:
    design = findings.design
    planned = [design.base, design.baseline, design.treatment, *design.matched, *design.matched.values()]
    kept = [run for run in dict.fromkeys(planned) if run in answered]
    return (kept or ordered([*answered], findings))[:MOST_RUNS]


def _title(findings: Findings, run: str) -> str:
    title = run_title(findings, run)
    seeds = len(findings.design.group(run))
    title = f"{title}, {seeds} seeds" if seeds > 1 else title
    return f"{title} (length-matched)" if run in findings.design.matched else title


def _points(findings: Findings, scores: Sequence[Score], run: str, panel: int) -> list[Point]:
    own: Mapping[int, Score] = {
        int(s.group.partition(":")[2]): s for s in scores if s.run == run and s.measure == PANELS[panel]
    }
    return [Point(tasks, percent(own[tasks]), mark_of(findings, own[tasks])) for tasks in sorted(own)]


def _note(findings: Findings, entry: str) -> list[str]:
    """What the figure shows, in lines: whose answers, how many, and what the marks mean."""
    some = _scores(findings, entry)
    counts = {score.questions // len(findings.design.group(score.run)) for score in some}
    questions = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{min(counts)}"
    signs = legend_of({kind for score in some for kind in kinds_of(findings, score)})
    lines = [
        "Verified sequences: right answers are computed, no judge takes part. Vertical lines: 95% intervals, "
        f"{questions} questions a length."
    ]
    return [*lines, f"{signs}."] if signs else lines
