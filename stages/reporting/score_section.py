"""The section on scores: means with intervals, differences, by number of tasks and by language."""

from collections.abc import Iterator, Mapping, Sequence

from stages.reporting.caveats import mark
from stages.reporting.charts import JUDGED, PERCENT, Axis, Bar, Drawing, differences, framed, grouped_bars, lines
from stages.reporting.declared_benchmarks import benchmark_of, declaration, is_sequential
from stages.reporting.findings import Difference, Findings, Score, caveats_of, mark_of, run_title
from stages.reporting.html import Safe, element, number, table
from stages.reporting.paper_values import BY_TASKS, LANGUAGES

MEASURES = ("accuracy", "official", "strict", "pass@10", "pass@1", "win", "following", "quality")
"""The order on the page; other measures follow, sorted by name."""
PAPER = {"IT": 1, "SIT": 2, "WizardLM": 4}
"""Colours of the paper's methods: those of our baseline and treatment, and one of its own."""
FIRST = ("seqeval", "xquad", "mgsm", "seqeval by task")
CROWD = 7
"""Groups of three bars in one chart."""
PAIRED = "Each question is compared with itself. An interval that crosses zero settles nothing."
INTRODUCTION = (
    "Bars are means over the questions, lines their 95% intervals. Following: the share of answers that "
    "attempt every task, right or wrong. Accuracy uses the paper's rules, strict is a stricter one of ours. °: few "
    "questions; †: doubtful for another reason, see Results."
)


def score_section(findings: Findings) -> list[Safe]:
    """The section on scores; empty where nothing was evaluated."""
    if not findings.scores:
        return []
    parts = [
        element("h2", "How the runs did", id="scores"),
        element("p", INTRODUCTION),
        *(framed(chart) for chart in score_charts(findings)),
    ]  # fmt: skip
    return [*parts, *_differences(findings), *_by_tasks(findings), *_by_language(findings)]


def percent(score: Score) -> Bar:
    """A score as a bar: shares in percent, judged quality as it is."""
    scale = 1.0 if judged(score.measure) else 100.0
    values = (score.value, score.low, score.high)
    return Bar(*(None if value is None else value * scale for value in values))


def judged(measure: str) -> bool:
    """Whether a measure is a judge's mark from 1 to 5 and not a share."""
    return measure.startswith("quality")


def ordered(names: Sequence[str], findings: Findings) -> list[str]:
    """Runs in their order on the page: others, then the baseline, then the treatment."""
    last = list(dict.fromkeys([findings.baseline, findings.treatment]))
    return [n for n in sorted(set(names)) if n not in last] + [n for n in last if n in names]


def colours(findings: Findings) -> dict[str, int]:
    """Run -> the number of its colour, the same in every chart."""
    runs = ordered([*(score.run for score in findings.scores), *findings.losses], findings)
    others = [run for run in runs if run not in (findings.baseline, findings.treatment)]
    numbers = {run: i if i == 0 else i + 2 for i, run in enumerate(others)}
    return {run: numbers.get(run, 2 if run == findings.treatment else 1) for run in runs}


def score_charts(findings: Findings) -> list[Drawing]:
    """Shares in one chart, judged quality in another."""
    whole = [score for score in findings.scores if not score.group]
    names = {score.run for score in whole}
    runs = {run: colour for run, colour in colours(findings).items() if run in names}
    drawings = []
    for title, axis, kind in (("Scores by run, %", PERCENT, False), ("Quality by run, marks 1 to 5", JUDGED, True)):
        groups = list(_groups([score for score in whole if judged(score.measure) == kind], findings).items())
        size = max(1, min(CROWD, CROWD * 3 // max(1, len(runs))))
        drawings += [
            grouped_bars(title, dict(groups[start : start + size]), runs, axis) for start in range(0, len(groups), size)
        ]
    return drawings


def place(benchmark: str) -> tuple[int, str]:
    """Sorts benchmarks: the paper's sequential ones first, then by name."""
    return (FIRST.index(benchmark) if benchmark in FIRST else len(FIRST), benchmark)


def rank(measure: str) -> tuple[int, str]:
    """Sorts measures in their order on the page."""
    return (MEASURES.index(measure) if measure in MEASURES else len(MEASURES), measure)


def _groups(scores: Sequence[Score], findings: Findings) -> dict[str, dict[str, Bar]]:
    groups: dict[str, dict[str, Bar]] = {}
    for score in sorted(scores, key=lambda s: (place(s.benchmark), rank(s.measure))):
        title = _marked(findings, f"{score.benchmark} / {score.measure}", score)
        groups.setdefault(title, {})[score.run] = percent(score)
    return groups


def _marked(findings: Findings, title: str, of: Score | Difference) -> str:
    """The title with the mark of the measure, if it has one."""
    return f"{title} {mark(caveats_of(findings, of.benchmark, of.measure))}".rstrip()


def _differences(findings: Findings) -> list[Safe]:
    if not findings.differences:
        return []
    every = sorted(findings.differences, key=lambda d: (d.benchmark, rank(d.measure)))
    titles = [(_marked(findings, f"{d.benchmark}, {d.measure}", d), d) for d in every]
    shares = {title: _points(d) for title, d in titles if not judged(d.measure)}
    marks = {title: _points(d) for title, d in titles if judged(d.measure)}
    compared = f"{findings.treatment} minus {findings.baseline}"
    charts = [(f"{compared}, percentage points", shares), (f"{compared}, marks", marks)]
    return [
        element("h3", f"{compared}, on the same questions"),
        element("p", PAIRED, class_="note"),
        *(framed(differences(title, rows)) for title, rows in charts if rows),
    ]  # fmt: skip


def _points(difference: Difference) -> Bar:
    scale = 1.0 if judged(difference.measure) else 100.0
    return Bar(difference.value * scale, difference.low * scale, difference.high * scale)


def _by_tasks(findings: Findings) -> list[Safe]:
    """Figure 2: the measures of sequential benchmarks against the number of tasks."""
    names = sorted({score.benchmark for score in findings.scores}, key=place)
    pairs = [pair for name in names for pair in _pairs_by_tasks(findings, name)]
    return [element("h3", "By the number of tasks (Figure 2)"), *pairs, *_slopes(findings)] if pairs else []


def _pairs_by_tasks(findings: Findings, benchmark: str) -> Iterator[Safe]:
    """Charts of one benchmark: each measure that the paper has with the paper's beside it, then all others."""
    declared = declaration(findings, benchmark)
    measures = declared.measures_by_tasks if declared and declared.sequential else ()
    papers = BY_TASKS.get(benchmark_of(findings, benchmark), {})
    for measure in measures:
        if measure in papers and (ours := [*tasks_chart(findings, benchmark, measure, 440)]):
            theirs = {
                name: [(float(x), y) for x, y in enumerate(values, 2)] for name, values in papers[measure].items()
            }
            about = f"tasks: {measure}, the paper's (Table 13)"
            chart = lines(f"{measure}, the paper's", theirs, PAPER, _axis(measure), about, 440)
            yield _side_by_side([*ours, chart])
    others = [name for name in measures if name not in papers]
    if charts := [chart for name in others for chart in tasks_chart(findings, benchmark, name, 440)]:
        yield _side_by_side(charts)


def tasks_chart(findings: Findings, benchmark: str, measure: str, width: int = 900) -> Iterator[Drawing]:
    """One measure against the number of tasks, a line for each run; nothing where scores are not grouped by tasks."""
    if ours := against_tasks(findings, benchmark, measure):
        title = f"{benchmark}: {measure}{'' if judged(measure) else ', %'}"
        few = {mark_of(findings, score) for score in _by_number_of_tasks(findings, benchmark, measure)}
        about = f"tasks in the query ({benchmark}, {measure}){max(few, key=len)}"
        yield lines(title, ours, colours(findings), _axis(measure), about, width)


def _axis(measure: str) -> Axis:
    return JUDGED if judged(measure) else PERCENT


def _side_by_side(charts: Sequence[Drawing]) -> Safe:
    return element("div", *(framed(chart) for chart in charts), class_="pair")


def _slopes(findings: Findings) -> list[Safe]:
    """The slope of each measure against the number of tasks."""
    rows = [
        [s.benchmark, s.measure, s.run, s.questions, *_change(s)]
        for s in sorted(findings.scores, key=lambda s: (s.benchmark, rank(s.measure), s.run))
        if s.group == "trend" and is_sequential(findings, s.benchmark)
    ]
    caption = "Slopes of a line through them, with 95% intervals: points (or marks) for one more task in the query."
    return [table(["benchmark", "measure", "run", "n", "slope", "interval"], rows, caption, first=3)] if rows else []


def _change(score: Score) -> list[object]:
    bar, digits = percent(score), 2 if judged(score.measure) else 1
    ends = [number(end, digits, sign=True) for end in (bar.low, bar.high)]
    return [number(bar.value, digits, sign=True), f"[{ends[0]}, {ends[1]}]"]


def against_tasks(findings: Findings, benchmark: str, measure: str) -> dict[str, list[tuple[float, float]]]:
    """Run -> (number of tasks, score in % or marks), where the questions differ in their number of tasks."""
    points_by_run: dict[str, list[tuple[float, float]]] = {}
    scores = _by_number_of_tasks(findings, benchmark, measure)
    for run in ordered([score.run for score in scores], findings):
        points = [(float(s.group.partition(":")[2]), percent(s).value) for s in scores if s.run == run]
        points_by_run[run] = sorted((x, y) for x, y in points if y is not None)
    return {run: points for run, points in points_by_run.items() if points}


def _by_number_of_tasks(findings: Findings, benchmark: str, measure: str) -> list[Score]:
    return [
        s for s in findings.scores
        if s.group.startswith("tasks:") and s.measure == measure and s.benchmark == benchmark
    ]  # fmt: skip


def _by_language(findings: Findings) -> list[Safe]:
    scores = [score for score in findings.scores if score.group.startswith("language:")]
    tables = [_languages(name, scores, findings) for name in sorted({score.benchmark for score in scores})]
    return [element("h3", "By language (Tables 2, 9 and 10)"), *tables] if tables else []


def _languages(benchmark: str, scores: Sequence[Score], findings: Findings) -> Safe:
    mine = {(s.run, s.measure, s.group.partition(":")[2]): s for s in scores if s.benchmark == benchmark}
    languages = sorted({key[2] for key in mine})
    rows: list[list[object]] = [
        [run_title(findings, run), measure,
         *(_number(findings, mine.get((run, measure, name))) for name in languages),
         _mean(findings, mine, run, measure)]
        for run in ordered([key[0] for key in mine], findings)
        for measure in sorted({m for r, m, _ in mine if r == run}, key=rank)
    ]  # fmt: skip
    theirs = LANGUAGES.get(benchmark_of(findings, benchmark), {})
    rows += [_theirs(name, what, theirs[name], languages) for name in theirs for what in ("accuracy", "following")]
    kept = [row for row in rows if any(cell is not None for cell in row[2:])]
    caption = f"{benchmark}, %. Italic: the paper's Llama-3-8B tuned on Alpaca; their mean is over these languages."
    return table([benchmark, "measure", *languages, "mean"], kept, caption, first=2)


def _number(findings: Findings, score: Score | None) -> str | None:
    return None if score is None else f"{number(percent(score).value)}{mark_of(findings, score)}"


def _mean(findings: Findings, scores: Mapping[tuple[str, str, str], Score], run: str, measure: str) -> str | None:
    some = [score for (r, m, _), score in scores.items() if (r, m) == (run, measure) and score.value is not None]
    values = [value for score in some if (value := percent(score).value) is not None]
    signs = mark(caveats_of(findings, some[0].benchmark, measure)) if some else ""
    return f"{number(sum(values) / len(values))}{signs}" if values else None


def _theirs(
    method: str, measure: str, values_by_language: Mapping[str, tuple[float, float | None]], languages: Sequence[str]
) -> list[object]:
    place = 0 if measure == "accuracy" else 1
    values = [values_by_language[language][place] if language in values_by_language else None for language in languages]
    known = [value for value in values if value is not None]
    cells: list[object] = [
        f"paper's {method}",
        measure,
        *(None if value is None else number(value) for value in values),
    ]
    cells.append(number(sum(known) / len(known)) if known else None)
    return [cell if cell is None else element("span", cell, class_="paper") for cell in cells]
