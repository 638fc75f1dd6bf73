"""The section on judges: pairwise comparisons, verdicts by task and position, agreement, and controls."""

from collections.abc import Iterator, Mapping
from typing import Any

from stages.reporting.calibration_tables import calibration_tables
from stages.reporting.caveats import FEW, blind, mark, pairwise
from stages.reporting.charts import PERCENT, framed, lines
from stages.reporting.collect import BY_TASK as TASK_SUFFIX
from stages.reporting.findings import Findings, caveats_of
from stages.reporting.html import Safe, element, number, p_value, table
from stages.reporting.score_section import colours, ordered

Document = Mapping[str, Any]
PAIRWISE = (
    "Each pair is shown in both orders, so a judge that prefers a position produces ties. Win: the treatment's mean "
    "share of the preference; won: its share of wins, ties counted as half. Orders agree: raw agreement, and Cohen's "
    "kappa. Shown first: how often the answer shown first was preferred; 50% without a position bias. Control: how "
    "often an answer was preferred to the same run's answer to another question; far above 50% for a reliable judge."
)
BY_TASK = (
    "The tasks of each question are listed before any answer is shown; then each is judged as done or not, in %. "
    "Slopes: change with one more task in the query, and from one task to the next in the chain. Control: tasks done "
    "by the own answer minus tasks done by the answer to another question."
)
AGREEMENT = "The same answers, scored by the first judge in the table of results and by a second one."
RATES = ("win_rate", "discrete_win_rate", "length_controlled_winrate")
LENGTHS = "AlpacaEval 2.0, %. The length-controlled rate is alpaca_eval's own estimate; it has no substitute here."


def judge_section(findings: Findings) -> list[Safe]:
    """The section on judges; empty where no judge ran."""
    parts = [*_pairwise(findings), *_tasks(findings), *_agreement(findings), *calibration_tables(findings),
             *_rates(findings)]  # fmt: skip
    return [element("h2", "What the judges say", id="judges"), *parts] if parts else []


def _shares(estimate: Document | None, signs: str = "", digits: int = 1) -> object:
    """A share in % with its mark and its interval."""
    if not estimate:
        return None
    low, high = (number(100 * estimate[end], digits) if estimate[end] is not None else None for end in ("low", "high"))
    around = element("span", f"[{low}, {high}]", class_="under")
    value = number(100 * estimate.get("mean", estimate.get("difference", 0.0)), digits)
    return element("span", value, signs, around)


def _few(count: int) -> str:
    """The mark of a number over `count` answers, where that is few."""
    return mark(["few"]) if count < FEW else ""


def _kappa(estimate: Document | None) -> str:
    return "undefined" if not estimate else number(estimate["mean"], 2)


def _control(estimate: Document | None) -> object:
    return element("span", _shares(estimate), class_="warn") if blind(estimate) else _shares(estimate)


def _judged_entries(findings: Findings, stage: str) -> Iterator[tuple[str, Document, Document]]:
    """(name, its entry in params.yaml, its metrics) for each entry that ran."""
    section = findings.judges.get(stage, {})
    entries = {**section.get("runs", {}), **section.get("references", {})}
    for name, document in findings.stages.get(stage, {}).items():
        if name in entries:
            yield name, entries[name], document


def _pairwise(findings: Findings) -> list[Safe]:
    rows = [
        [
            entry["benchmark"], entry["treatment"], entry.get("baseline") or entry["outputs"],
            f"{d['scored']} of {d['n']}", *(_win(findings, name, d, measure) for measure in ("win", "won")),
            p_value(d["against_half"]["p"]) if d.get("against_half") else None,
            _shares(d["orders"]["raw"], _few(d["orders"]["n"])) if d.get("orders") else None,
            _kappa(d["orders"]["kappa"]) if d.get("orders") else None,
            _shares(d.get("first_shown"), _few(d["scored"])), _control(d.get("control")),
        ]
        for name, entry, d in _judged_entries(findings, "compare")
    ]  # fmt: skip
    head = ["benchmark", "treatment", "against", "scored", "win %", "won %", "p", "orders agree %", "kappa",
            "shown first %", "control %"]  # fmt: skip
    return _subsection("Pairwise (Tables 5 and 12)", PAIRWISE, table(head, rows, first=3)) if rows else []


def _win(findings: Findings, name: str, document: Document, measure: str) -> object:
    """A win rate with its mark, and below it why it is doubtful."""
    kinds = caveats_of(findings, pairwise(name), measure)
    shown = _shares(document.get(measure), mark(kinds))
    return element("span", shown, element("span", ", ".join(kinds), class_="under warn")) if shown and kinds else shown


def _subsection(title: str, note: str, *parts: Safe) -> list[Safe]:
    return [element("h3", title), element("p", note, class_="note"), *parts]


def _tasks(findings: Findings) -> list[Safe]:
    rows = [
        [
            entry["benchmark"], entry["run"], f"{d['scored']} of {d['n']}",
            *(_shares(estimate, _task_mark(findings, entry)) for estimate in _task_estimates(d)),
            _control(d.get("control")),
        ]
        for _, entry, d in _judged_entries(findings, "judge_tasks")
    ]  # fmt: skip
    head = ["benchmark", "run", "scored", "all done %", "tasks done %", "first", "middle", "last", "slope, tasks",
            "slope, place", "control"]  # fmt: skip
    if not rows:
        return []
    charts = [framed(chart) for chart in _positions(findings)]
    return _subsection("Task by task: which one is dropped", BY_TASK, table(head, rows, first=2), *charts)


def _task_estimates(document: Document) -> Iterator[Document | None]:
    yield from (document.get("following"), document.get("done"))
    yield from (document["places"].get(place) for place in ("first", "middle", "last"))
    yield from (document.get(slope, {}).get("done") for slope in ("trend", "position_slope"))


def _task_mark(findings: Findings, entry: Document) -> str:
    return mark(caveats_of(findings, f"{entry['benchmark']}{TASK_SUFFIX}", "done"))


def _positions(findings: Findings) -> Iterator[Safe]:
    scores = [s for s in findings.scores if s.group.startswith("position:") and s.maker == "judge_tasks"]
    for benchmark in sorted({score.benchmark for score in scores}):
        some = [score for score in scores if score.benchmark == benchmark]
        points = {
            run: sorted((float(s.group.partition(":")[2]), 100 * (s.value or 0.0)) for s in some if s.run == run)
            for run in ordered([score.run for score in some], findings)
        }
        yield lines(
            f"{benchmark}: tasks done by their place in the chain", points, colours(findings), PERCENT,
            f"place of the task in the chain ({benchmark.removesuffix(' by task')})",
        )  # fmt: skip


def _agreement(findings: Findings) -> list[Safe]:
    rows = [
        [entry["benchmark"], entry["run"], *agreed]
        for _, entry, d in _judged_entries(findings, "judge_agreement")
        for agreed in _agreed(d) or [[None, 0, None, None]]
    ]  # fmt: skip
    head = ["benchmark", "run", "measure", "answers", "both say the same %", "kappa"]
    return _subsection("Two judges", AGREEMENT, table(head, rows, first=3)) if rows else []


def _agreed(review: Document) -> list[list[object]]:
    """One row for each measure; none where no answer was scored by both judges."""
    return [
        [metric, agreement["n"], _shares(agreement["raw"], _few(agreement["n"])), _kappa(agreement["kappa"])]
        for metric, agreement in sorted(review.get("agreement", {}).items()) if agreement
    ]  # fmt: skip


def _rate(findings: Findings, name: str, rates: Document, rate: str) -> str:
    """A win rate with the mark of the comparison of that name, whose annotations it is of."""
    value = rates.get(rate)
    return number(value, 2) + (mark(caveats_of(findings, pairwise(name), "win")) if value is not None else "")


def _rates(findings: Findings) -> list[Safe]:
    rows = [
        [
            name, rates.get("n"), *(_rate(findings, name, rates, rate) for rate in RATES), rates.get("left_out", ""),
        ]
        for name, rates in findings.stages.get("win_rate", {}).items()
    ]  # fmt: skip
    alpaca_eval = [entry for _, entry, _ in _judged_entries(findings, "compare") if entry["benchmark"] == "alpaca_eval"]
    left_out = (
        "Length-controlled win rate: left out. It is defined on AlpacaEval's own 805 instructions and needs "
        "alpaca_eval's two data files; see `win_rate` in params.yaml."
    )
    head = ["annotations", "n", "win rate", "discrete", "length-controlled", "left out"]
    return [
        *(_subsection("AlpacaEval 2.0", LENGTHS, table(head, rows, first=1)) if rows else []),
        *([element("p", left_out, class_="note")] if alpaca_eval and not rows else []),
    ]  # fmt: skip
