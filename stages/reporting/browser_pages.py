"""Pages to look through answers and training rows: data as JSON, filtered by a script of ours, without a server."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.reporting.browser_scripts import ANSWERS, COMMON, ROWS
from stages.reporting.case_selection import Case, CaseAnswer
from stages.reporting.document import document
from stages.reporting.findings import Findings
from stages.reporting.html import element, join, json_text
from stages.reporting.row_pairs import RowPair
from stages.reporting.score_section import ordered

LONGEST = 4000
"""Characters of one text on a page."""
BUDGET = 4_000_000
"""Bytes of JSON on a page; a page stays below 5 MB."""
NO_SCRIPT = "This page filters with a script of its own, and scripts are turned off; index.html needs none."


def files(findings: Findings) -> dict[str, str]:
    """answers.html and rows.html; both are there whatever was run."""
    return {"answers.html": answers_page(findings), "rows.html": rows_page(findings)}


def answers_page(findings: Findings, budget: int = BUDGET) -> str:
    """Questions with the answers of any two runs side by side."""
    runs = ordered([run for one in findings.cases for case in one.cases for run in case.answers], findings)
    kept = _within((_case(case) for case in _in_turn(findings)), budget)
    counts: dict[str, int] = {}
    for case in kept:
        counts[case["b"]] = counts.get(case["b"], 0) + 1
    benchmarks = {
        one.benchmark: {"measure": one.measure, "questions": one.questions, "shown": counts.get(one.benchmark, 0)}
        for one in findings.cases
    }  # fmt: skip
    compared = [run if run in runs else "" for run in (findings.baseline, findings.treatment)]
    if not any(compared):
        compared = ["", *runs[-1:]]
    data = {"runs": runs, "compared": compared, "benchmarks": benchmarks}
    total = sum(one.questions for one in findings.cases)
    note = _note(len(kept), total, "questions", "The largest gains and losses of the planned comparisons are kept too.")
    return _page("Answers side by side", note, data, "cases", kept, ANSWERS)


def rows_page(findings: Findings, budget: int = BUDGET) -> str:
    """Training rows before and after Seq-Instruct side by side."""
    kept = _within(map(_row, findings.rows.pairs), budget)
    changed = f"Of all rows, {findings.rows.changed:,} have another instruction after it."
    note = _note(len(kept), findings.rows.rows, "rows", changed)
    return _page("Training rows before and after Seq-Instruct", note, {}, "rows", kept, ROWS)


def _note(shown: int, total: int, what: str, more: str) -> str:
    if not total:
        return f"This run has no {what} to show."
    some = (
        f"All {total:,} {what}." if shown >= total else f"{shown:,} of {total:,} {what}, drawn by the seed of the run."
    )
    return f"{some} {more if shown < total or what == 'rows' else ''} Texts are cut after {LONGEST:,} characters."


def _page(title: str, note: str, data: Mapping[str, Any], key: str, items: Iterable[Any], script: str) -> str:
    rest = json_text(data)
    listed = f"[{','.join(map(json_text, items))}]"
    whole = f'{rest[:-1]}{"," if data else ""}"{key}":{listed}}}'
    back = element("p", "Back to ", element("a", "the report", href="index.html"), ".", class_="note")
    parts = [
        element("h1", title), element("p", note, class_="lead"), back,
        element("noscript", element("p", NO_SCRIPT, class_="warn")),
        element("div", class_="controls", id="controls"), element("div", class_="pages", id="pages"),
        element("div", id="list"),
    ]  # fmt: skip
    return document(f"seqit: {title.lower()}", join(parts), data=whole, script=f"{COMMON}{script}")


def _in_turn(findings: Findings) -> Iterator[Case]:
    """One case of every benchmark in turn, so that a cap cuts all of them; those not drawn first, there are few."""
    sets = [sorted(one.cases, key=lambda case: case.drawn) for one in findings.cases]
    for place in range(max(map(len, sets), default=0)):
        yield from (cases[place] for cases in sets if place < len(cases))


def _within(items: Iterable[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """The first items that are together no larger than `budget` bytes."""
    kept, size = [], 0
    for item in items:
        size += len(json_text(item).encode()) + 1
        if size > budget:
            break
        kept.append(item)
    return kept


def _case(case: Case) -> dict[str, Any]:
    return {
        "b": case.benchmark, "id": case.question, "q": _cut(case.text), "gold": [_cut(gold) for gold in case.gold],
        "l": case.language, "g": case.group, "t": case.tasks, "d": case.drawn,
        "a": {run: _answer(answer) for run, answer in case.answers.items()},
    }  # fmt: skip


def _answer(answer: CaseAnswer) -> dict[str, Any]:
    values = {name: round(value, 4) for name, value in answer.values.items()}
    marks = [[_cut(mark.label), {k: round(v, 4) for k, v in mark.values.items()}] for mark in answer.marks]
    full = {"s": answer.status, "x": _cut(answer.text), "v": values, "r": answer.reason, "j": _cut(answer.verdict)}
    return {key: value for key, value in (full | {"m": marks}).items() if value or key == "s"}


def _row(pair: RowPair) -> dict[str, Any]:
    return {
        "id": pair.id, "c": pair.corpus, "b": _cut(pair.before), "a": _cut(pair.after),
        "rb": _cut(pair.response_before), "ra": _cut(pair.response_after), "p": list(pair.actions),
        "s": list(pair.steps), "t": pair.tasks, "ch": pair.changed,
    }  # fmt: skip


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text) - LONGEST:,} more characters)"
