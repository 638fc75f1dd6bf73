"""The report of one model: its scores with intervals, the paper's figures, and answers cut off at the token limit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.questions import NO_JUDGE
from stages.reporting.collect import scores as scores_of
from stages.reporting.declared_benchmarks import benchmark_of
from stages.reporting.findings import Findings, Score, caveats_of
from stages.reporting.html import DASH, Safe, element, number, table
from stages.reporting.results import CUT_OFF, cut_off_share, legend, measure_cell, missing_scores
from stages.reporting.score_section import judged, percent, rank

NOTE = (
    "Means with 95% intervals over the questions; shares in %, quality in marks from 1 to 5. Cut off: the share of "
    "answers that ended at the token limit; what they would have said is not known. Italic: the paper's Llama-3-8B "
    "tuned on single instructions and on sequences (IT → SIT), and InstructBLIP for pictures; its questions are others "
    "where the files are not the paper's."
)
HEAD = ("benchmark", "measure", "n", "score", "interval", "paper's IT → SIT", "cut off")


JUDGED_MEASURES = {
    "following": "by the judge, the share of answers that attempt every task",
    "quality": "the judge's mark, from 1 to 5",
}
"""Measure of a benchmark that a judge scores -> its meaning."""


class SummaryRow(NamedTuple):
    """One measure of one benchmark, as text."""

    benchmark: str
    measure: str
    answers: int
    """Answers with this measure; all answers where none has a score."""
    score: str
    interval: str
    paper: str
    cut_off: str


def only_run(findings: Findings) -> str:
    """The run that all results are of; "" where there are several runs, or none."""
    runs = {score.run for score in findings.scores} | {one.run for one in findings.unscored}
    return runs.pop() if len(runs) == 1 else ""


def summary_rows(summaries: Mapping[str, Mapping[str, Any]], benchmarks: Mapping[str, str] = {}) -> list[SummaryRow]:
    """The main measures of every benchmark in order; one row without a score where nothing is scored.

    summaries: entry -> the summary of one run, as `evaluate` writes it. benchmarks: entry -> its benchmark.
    """
    return [row for entry, one in summaries.items() for row in _rows(entry, benchmarks.get(entry, entry), one)]


def _rows(entry: str, benchmark: str, summary: Mapping[str, Any]) -> Iterator[SummaryRow]:
    declared = BENCHMARKS.get(benchmark)
    scores = {score.measure: score for score in scores_of({f"run/{entry}": summary}) if not score.group}
    cut_off = f"{100 * cut_off_share(summary['statuses']):.0f}%"
    shown = _shown(declared, scores)
    if not shown:
        measure = declared.main_measure if declared else ""
        yield SummaryRow(entry, measure, summary["n"], "not scored", "", _paper(declared, measure), cut_off)
    for measure in shown:
        score = scores[measure]
        bar, digits = percent(score), 2 if judged(measure) else 1
        around = "" if bar.low is None else f"[{number(bar.low, digits)}, {number(bar.high, digits)}]"
        yield SummaryRow(
            entry, measure, score.questions, number(bar.value, digits), around, _paper(declared, measure), cut_off
        )


def _shown(declared: Benchmark | None, scores: Iterable[str]) -> list[str]:
    """The measures of a benchmark that a short table has: its main one, those of the paper, and how many are right."""
    named = (declared.main_measure, *declared.published, *declared.measures_by_tasks, "accuracy") if declared else ()
    known = set(scores)
    return [name for name in dict.fromkeys(named) if name in known] or sorted(known, key=rank)[:2]


def meanings(shown: Iterable[tuple[str, str]], benchmarks: Mapping[str, str] = {}) -> dict[str, str]:
    """Measure -> what it means, in the order given; "verified: depth" where benchmarks mean different things by it.

    shown: (entry, measure) of every score. benchmarks: entry -> its benchmark.
    """
    texts: dict[str, dict[str, list[str]]] = {}
    for entry, measure in dict.fromkeys(shown):
        declared = BENCHMARKS.get(benchmarks.get(entry, entry))
        known = (JUDGED_MEASURES if declared.judge else declared.metrics) if declared else {}
        if text := known.get(measure, ""):
            texts.setdefault(measure, {}).setdefault(text, []).append(entry)
    return {
        measure if len(several) == 1 else f"{' and '.join(entries)}: {measure}": text
        for measure, several in texts.items() for text, entries in several.items()
    }  # fmt: skip


def rows_by_tasks(summaries: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, dict[int, str]]]:
    """(benchmark, main measure, number of tasks -> score and number of answers) of every sequential benchmark.

    Left out where all answers have one number of tasks.
    """
    rows = []
    for entry, summary in summaries.items():
        declared = BENCHMARKS.get(entry)
        parts: Mapping[str, Any] = summary.get("tasks", {})
        if declared and declared.sequential and len(parts) > 1:
            collected = scores_of({f"run/{entry}": {"tasks": parts}})
            cells = {
                int(one.group.partition(":")[2]): f"{number(percent(one).value, 1)} ({one.questions})"
                for one in collected if one.measure == declared.main_measure
            }  # fmt: skip
            rows += [(entry, declared.main_measure, cells)] if cells else []
    return rows


def _paper(declared: Benchmark | None, measure: str) -> str:
    figures = declared.published.get(measure, {}) if declared else {}
    digits = 2 if judged(measure) else 1
    return f"{number(figures['IT'], digits)} → {number(figures['SIT'], digits)}" if "IT" in figures else ""


def truncation_warnings(
    summaries: Mapping[str, Mapping[str, Any]], limits: Mapping[str, int], remedy: str
) -> list[str]:  # fmt: skip
    """A line for each benchmark of which many answers were cut off. limits: entry -> its token limit, where known."""
    lines = []
    for name, summary in summaries.items():
        statuses = summary["statuses"]
        if cut_off_share(statuses) >= CUT_OFF:
            limit = f" of {limits[name]:,}" if name in limits else ""
            count = f"{statuses['truncated']:,} of {sum(statuses.values()):,}"
            lines.append(f"{name}: {count} answers were cut off at the token limit{limit}; raise {remedy}")
    return lines


def model_section(findings: Findings) -> list[Safe]:
    """The results of the only run, in place of a comparison."""
    run = only_run(findings)
    summaries = {
        name.partition("/")[2]: one
        for name, one in findings.evaluated.items()
        if name.startswith(f"{run}/") and "statuses" in one
    }
    whole = [score for score in findings.scores if not score.group]
    limits = {name: entry["sampling"]["max_tokens"] for name, entry in findings.generation.items()}
    remedy = "max_tokens of its entry under predict.benchmarks (--max-tokens of `seqit eval`)"
    warnings = [element("p", text, ".", class_="warn") for text in truncation_warnings(summaries, limits, remedy)]
    parts = [
        element("p", NOTE, class_="note"), *_tables(whole, summaries, findings), *_measures(whole, findings),
        *legend(findings),
    ] if whole else []  # fmt: skip
    others = findings._replace(unscored=[one for one in findings.unscored if NO_JUDGE not in one.reasons])
    title = element("h2", "Results", id="results")
    return [title, *_without_judge(summaries), *warnings, *missing_scores(others), *parts]


def _measures(whole: Sequence[Score], findings: Findings) -> list[Safe]:
    """What each measure of the table means."""
    names = {one.benchmark: benchmark_of(findings, one.benchmark) for one in whole}
    ordered = sorted(whole, key=lambda one: rank(one.measure))
    texts = meanings([(one.benchmark, one.measure) for one in ordered], names)
    items = [element("li", element("b", name), f": {text}.") for name, text in texts.items()]
    return [element("p", "What the measures say:", class_="note"), element("ul", *items, class_="note")] * bool(items)


def _without_judge(summaries: Mapping[str, Mapping[str, Any]]) -> list[Safe]:
    """That a judge is needed, before everything else, where there is none."""
    names = [name for name, summary in summaries.items() if NO_JUDGE in summary.get("unscored", {})]
    if not names:
        return []
    text = (
        f"{' and '.join(names)}: a judge is needed to score it (--judge of `seqit eval`), and none was used. How its "
        "answers ended is known, and they can be read; everything else here is what rules tell."
    )
    endings = [f"{name}: {_endings(summaries[name]['statuses'])}." for name in names]
    return [element("p", text, class_="warn"), *(element("p", line, class_="note") for line in endings)]


def _endings(statuses: Mapping[str, int]) -> str:
    words = {"ok": "ended by the model", "truncated": "cut off at the token limit", "thought": "only reasoning"}
    return ", ".join(f"{count:,} {words.get(status, status)}" for status, count in sorted(statuses.items()))


def _tables(
    whole: Sequence[Score], summaries: Mapping[str, Mapping[str, Any]], findings: Findings
) -> Iterator[Safe]:  # fmt: skip
    """Scores that no rule finds fault with, then the others."""
    doubtful = [score for score in whole if caveats_of(findings, score.benchmark, score.measure)]
    sound = [score for score in whole if score not in doubtful]
    for title, some in (("Without a doubt", sound), ("Doubtful: the reason stands below each measure", doubtful)):
        if some:
            yield element("h3", f"{title} ({len(some)})")
            yield _table(some, summaries, findings)


def _table(whole: Sequence[Score], summaries: Mapping[str, Mapping[str, Any]], findings: Findings) -> Safe:
    rows = []
    for score in sorted(whole, key=lambda one: rank(one.measure)):
        declared = None if " " in score.benchmark else BENCHMARKS.get(benchmark_of(findings, score.benchmark))
        bar, digits = percent(score), 2 if judged(score.measure) else 1
        around = None if bar.low is None else f"[{number(bar.low, digits)}, {number(bar.high, digits)}]"
        statuses = summaries.get(score.benchmark, {}).get("statuses", {})
        cut_off = f"{100 * cut_off_share(statuses):.0f}%" if statuses else DASH
        measure = measure_cell(score.measure, caveats_of(findings, score.benchmark, score.measure))
        paper = element("span", _paper(declared, score.measure) or DASH, class_="paper")
        row = [score.benchmark, measure, score.questions, number(bar.value, digits), around, paper, cut_off]
        rows.append((_place(score, declared), row))
    return table(HEAD, [row for _, row in sorted(rows, key=lambda pair: pair[0])], first=2)


def _place(score: Score, declared: Benchmark | None) -> tuple[bool, str, bool]:
    """Sorts sequential benchmarks first, and of each the main measure."""
    sequential, main = (declared.sequential, declared.main_measure) if declared else (False, "")
    return not sequential, score.benchmark, score.measure != main
