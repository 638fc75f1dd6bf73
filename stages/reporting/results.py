"""The table of results: every run on every benchmark with intervals, differences, and caveats."""

from collections.abc import Sequence

from stages.reporting.caveats import MEANINGS, Unscored, mark
from stages.reporting.declared_benchmarks import published
from stages.reporting.findings import Difference, Findings, Score, caveats_of, mark_of, run_title
from stages.reporting.html import Safe, element, join, number, p_value, table
from stages.reporting.score_section import judged, ordered, percent, place, rank
from stages.reporting.verdicts import CLEAR, is_clear, verdict

FILES = {
    "evaluate": "data/evaluated/<run>/<benchmark>.json",
    "judge_tasks": "data/metrics/judge_tasks/<name>.json",
}
NOTE = (
    "Means with 95% intervals over the questions (exact for shares); shares in %, quality in marks from 1 to 5. The "
    "difference is taken question by question; p is that of a sign-flip test, adjusted by Holm's method for all "
    "measures of this table. Better, worse: the questions on which the treatment is. Detectable: the smallest true "
    "difference that so many questions show with a chance of 80%; where it is large, no clear difference does "
    "not mean none. In words: better or worse where the interval excludes zero and p is below 0.05; equal, or no "
    "worse, where one-sided tests at 5% (TOST) exclude any difference, or loss, of `report.margin`; else open. Italic: "
    "the paper's Llama-3-8B tuned on Alpaca (Tables 5 and 12) and InstructBLIP (Table 3), other models and other "
    "questions than in this run."
)


def results(findings: Findings) -> list[Safe]:
    """The section with the table; empty where nothing was evaluated."""
    whole = [score for score in findings.scores if not score.group]
    if not whole and not findings.unscored:
        return []
    parts = [element("p", NOTE, class_="note"), _table(whole, findings), *legend(findings)] if whole else []
    return [
        element("h2", "Results", id="results"),
        _verdict(findings),
        *missing_scores(findings),
        *parts,
        *_left_out(findings),
    ]


def _verdict(findings: Findings) -> Safe:
    """One sentence with the number of clear differences."""
    clear = [d for d in findings.differences if is_clear(d)]
    sound = [d for d in clear if not caveats_of(findings, d.benchmark, d.measure)]
    text = (
        f"{findings.treatment} against {findings.baseline}: {len(findings.differences)} measures; {len(clear)} "
        f"differ clearly (interval without zero, adjusted p < {CLEAR}), {len(sound)} of these without a doubt."
    )
    return element("p", text, class_="" if sound else "warn")


def missing_scores(findings: Findings) -> list[Safe]:
    """Unscored answers are in no row of the table, so they are listed here."""
    return [
        element("p", title, ": ", "; ".join(map(_without, some)), ".", class_=kind)
        for title, kind, many in (("Too few scored", "warn", True), ("Also without a score", "note", False))
        if (some := [one for one in findings.unscored if one.many is many])
    ]


def _without(one: Unscored) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(one.reasons.items()))
    return f"{one.run} on {one.benchmark}: {one.answers - one.scored:,} of {one.answers:,} unscored ({reasons})"


def _left_out(findings: Findings) -> list[Safe]:
    """Which measures leave some questions out, and why."""
    texts = sorted({
        f"{measure} of {name.partition('/')[2]}, {count:,} answers of a run: {reason}"
        for name, summary in findings.evaluated.items()
        for measure, reasons in summary.get("left_out", {}).items() for reason, count in reasons.items()
    })  # fmt: skip
    return [element("p", "Left out: ", "; ".join(texts), ".", class_="note")] if texts else []


def _table(whole: Sequence[Score], findings: Findings) -> Safe:
    cells = {(s.benchmark, s.measure, s.run): s for s in whole}
    changes = {(d.benchmark, d.measure): d for d in findings.differences}
    runs = ordered([score.run for score in whole], findings)
    keys = sorted({(s.benchmark, s.measure) for s in whole}, key=lambda key: (place(key[0]), rank(key[1])))
    rows = [
        [
            benchmark, measure_cell(measure, caveats_of(findings, benchmark, measure)),
            max(s.questions for s in whole if (s.benchmark, s.measure) == (benchmark, measure)),
            *(_interval(findings, cells.get((benchmark, measure, run))) for run in runs),
            *_change(findings, changes.get((benchmark, measure))), _paper(findings, benchmark, measure),
        ]
        for benchmark, measure in keys
    ]  # fmt: skip
    change = f"{findings.treatment} − {findings.baseline}"
    head = [
        "benchmark",
        "measure",
        "answers",
        *(run_title(findings, run) for run in runs),
        change,
        "questions",
        "better",
        "worse",
        "p",
        "detectable",
        "in words",
        "the paper's",
    ]
    return table(head, rows, first=2)


def measure_cell(measure: str, kinds: Sequence[str]) -> Safe:
    """A measure with the kinds of caveat about it."""
    return element("span", measure, *([element("span", ", ".join(kinds), class_="under warn")] if kinds else []))


def _interval(findings: Findings, score: Score | None) -> object:
    if score is None or score.value is None:
        return None
    bar, digits = percent(score), 2 if judged(score.measure) else 1
    around = element("span", f"[{number(bar.low, digits)}, {number(bar.high, digits)}]", class_="under")
    return element("span", number(bar.value, digits), mark_of(findings, score), around if bar.low is not None else "")


def _change(findings: Findings, difference: Difference | None) -> list[object]:
    if difference is None:
        return [None] * 7
    scale, digits = (1, 2) if judged(difference.measure) else (100, 1)
    low, high = (number(v * scale, digits, sign=True) for v in (difference.low, difference.high))
    signs = mark(caveats_of(findings, difference.benchmark, difference.measure))
    value = element("b" if is_clear(difference) else "span", number(difference.value * scale, digits, sign=True))
    change = join([value, signs, element("span", f"[{low}, {high}]", class_="under")])
    margin = findings.design.margin and findings.design.margin * (4 if judged(difference.measure) else 1)
    return [
        change, difference.questions, difference.gained, difference.lost, p_value(difference.p),
        number(difference.detectable * scale, digits), verdict(difference, margin),
    ]  # fmt: skip


def _paper(findings: Findings, benchmark: str, measure: str) -> object:
    """The paper's IT and SIT; None where it has no such figure."""
    values = published(findings, benchmark).get(measure, {})
    digits = 2 if judged(measure) else 1
    shown = f"{number(values['IT'], digits)} → {number(values['SIT'], digits)}" if values else ""
    return element("span", shown, class_="paper") if shown else None


def legend(findings: Findings) -> list[Safe]:
    """The meanings of the caveats that the table has, and where its numbers are."""
    kinds = [kind for kind in MEANINGS if any(caveat.kind == kind for caveat in findings.caveats)]
    meanings = [element("li", mark([kind]), " ", element("b", kind), f": {MEANINGS[kind]}.") for kind in kinds]
    makers = sorted({score.maker for score in findings.scores if score.maker in FILES})
    places = join((element("code", FILES[maker]) for maker in makers), " and ")
    return [
        *([element("p", "What the doubts say:", class_="note"),
           element("ul", *meanings, class_="note")] if meanings else []),
        element("p", "Every number is in ", places, "; every single score with the judge's words and the keys of its "
                "replies in data/scored, data/judged_tasks, data/compared and data/judge_agreement.", class_="note"),
    ]  # fmt: skip
