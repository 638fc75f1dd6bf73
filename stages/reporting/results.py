"""The results: every run on every benchmark with intervals and differences, grouped by what can be believed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stages.reporting.caveats import MEANINGS, Unscored, mark
from stages.reporting.declared_benchmarks import declaration, published
from stages.reporting.findings import Difference, Findings, Score, caveats_of, mark_of, run_title
from stages.reporting.html import Safe, breakable, element, folded, join, number, p_value, table
from stages.reporting.score_section import judged, ordered, percent, place, rank
from stages.reporting.verdicts import CLEAR, is_clear, verdict

FILES = {
    "evaluate": "data/evaluated/<run>/<benchmark>.json",
    "judge_tasks": "data/metrics/judge_tasks/<name>.json",
}
NOTE = (
    "Means with 95% intervals over the questions (exact for shares); shares in %, quality in marks from 1 to 5. The "
    "difference is taken question by question; p is that of a sign-flip test, adjusted by Holm's method for all "
    "measures together. Better, worse: the questions on which the treatment is. Detectable: the smallest true "
    "difference that so many questions show with a chance of 80%; where it is large, no clear difference does "
    "not mean none. In words: better or worse where the interval excludes zero and p is below 0.05; equal, or no "
    "worse, where one-sided tests at 5% (TOST) exclude any difference, or loss, of `report.margin`; else open. Italic: "
    "the paper's Llama-3-8B tuned on Alpaca (Tables 5 and 12) and InstructBLIP (Table 3), other models and other "
    "questions than in this run."
)

GROUPS = {
    "clear": ("Clear differences without a doubt", "The interval excludes zero, p is below 0.05, and no rule finds a "
              "fault with the scores."),
    "open": ("No clear difference", "The scores are sound; they show no difference, or not yet."),
    "alone": ("Scores that are compared with nothing", "Only one of the compared runs has them, or there is one run."),
}  # fmt: skip
"""Kind of group without a caveat -> its title, and what belongs to it; the order on the page."""
SERIOUS = ("blind judge", "one verdict", "order", "floor", "unscored", "few")
"""Kinds of caveat, the most serious first: a measure with several stands with the first."""
MOST_ROWS = 12
"""Rows of a table from which those of other than main measures are folded."""
CUT_OFF = 0.05
"""Share of answers that end at the token limit from which the page and the terminal warn."""


def cut_off_share(statuses: Mapping[str, int]) -> float:
    """The share of answers that ended at the token limit. statuses: how the answers ended -> how many."""
    total = sum(statuses.values())
    return statuses.get("truncated", 0) / total if total else 0.0


class Group(NamedTuple):
    """Measures that can be believed equally well."""

    title: str
    note: str
    keys: list[tuple[str, str]]
    """(benchmark, measure) in order."""
    open: bool
    """Whether a reader sees it at once."""


def results(findings: Findings) -> list[Safe]:
    """The section with a table for each group; empty where nothing was evaluated."""
    whole = [score for score in findings.scores if not score.group]
    if not whole and not findings.unscored:
        return []
    tables = [part for group in believable(whole, findings) for part in _shown(group, whole, findings)]
    notes = [element("details", element("summary", "How to read these tables"), element("p", NOTE, class_="note"))]
    return [
        element("h2", "Results", id="results"), _verdict(findings), *cut_off_warnings(findings),
        *missing_scores(findings), *tables, *(legend(findings) if whole else []), *(notes if whole else []),
        *_left_out(findings),
    ]  # fmt: skip


def believable(whole: Sequence[Score], findings: Findings) -> list[Group]:
    """All measures in groups: clear differences, no clear ones, uncompared ones, and those with each caveat."""
    changes = {(d.benchmark, d.measure): d for d in findings.differences}
    members: dict[str, list[tuple[str, str]]] = {kind: [] for kind in (*GROUPS, *SERIOUS)}
    for key in sorted({(s.benchmark, s.measure) for s in whole}, key=lambda key: (place(key[0]), rank(key[1]))):
        change, kinds = changes.get(key), caveats_of(findings, *key)
        sound = "alone" if change is None else "clear" if is_clear(change) else "open"
        members[min(kinds, key=SERIOUS.index) if kinds else sound].append(key)
    titles = GROUPS | {kind: (f"Doubtful: {kind}", f"{MEANINGS[kind]}.") for kind in SERIOUS}
    is_open = {kind: kind in GROUPS or not any(members[sound] for sound in GROUPS) for kind in titles}
    return [Group(*titles[kind], keys, is_open[kind]) for kind, keys in members.items() if keys]


def _shown(group: Group, whole: Sequence[Score], findings: Findings) -> list[Safe]:
    main = [key for key in group.keys if _is_main(findings, *key)] or group.keys
    first = group.keys if len(group.keys) <= MOST_ROWS else main
    parts = [
        element("h3", f"{group.title} ({len(group.keys)})"), element("p", group.note, class_="note"),
        _table(first, whole, findings),
    ]  # fmt: skip
    if others := [key for key in group.keys if key not in first]:
        title = element("summary", f"Their other measures ({len(others)})")
        parts.append(element("details", title, _table(others, whole, findings)))
    return parts if group.open else folded(parts)


def _is_main(findings: Findings, benchmark: str, measure: str) -> bool:
    """Whether a measure is the one that its benchmark is compared by, or one that the paper has."""
    declared = declaration(findings, benchmark)
    return declared is not None and measure in (declared.main_measure, *declared.published)


def cut_off_warnings(findings: Findings) -> list[Safe]:
    """A line for each benchmark of which some run's answers were cut off at the token limit."""
    texts = list(cut_off_texts(findings))
    return [element("p", "Cut off at the token limit: ", "; ".join(texts), ".", class_="warn")] if texts else []


def cut_off_texts(findings: Findings) -> Iterator[str]:
    """For each benchmark with cut-off answers: "xquad (limit of 160 tokens): it 16 of 24, sit 3 of 24"."""
    runs: dict[str, list[str]] = {}
    for run, benchmark, statuses in _cut_off(findings):
        count = f"{statuses['truncated']:,} of {sum(statuses.values()):,}"
        runs.setdefault(benchmark, []).append(f"{run_title(findings, run)} {count}")
    for benchmark, counts in runs.items():
        limit = findings.generation.get(benchmark, {}).get("sampling", {}).get("max_tokens")
        yield f"{benchmark}{f' (limit of {limit:,} tokens)' if limit else ''}: {', '.join(counts)}"


def cut_off_worst(findings: Findings) -> dict[str, tuple[float, str]]:
    """Benchmark -> (the largest share of cut-off answers, the run with it), of those with many."""
    worst: dict[str, tuple[float, str]] = {}
    for run, benchmark, statuses in _cut_off(findings):
        worst[benchmark] = max(worst.get(benchmark, (0.0, "")), (cut_off_share(statuses), run))
    return worst


def _cut_off(findings: Findings) -> Iterator[tuple[str, str, Mapping[str, int]]]:
    """(run, benchmark, how its answers ended) where many are cut off."""
    for run in ordered([name.partition("/")[0] for name in findings.evaluated], findings):
        for name, summary in findings.evaluated.items():
            statuses = summary.get("statuses", {})
            if name.partition("/")[0] == run and cut_off_share(statuses) >= CUT_OFF and " " not in name:
                yield run, name.partition("/")[2], statuses


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


def _table(keys: Sequence[tuple[str, str]], whole: Sequence[Score], findings: Findings) -> Safe:
    some = [score for score in whole if (score.benchmark, score.measure) in keys]
    cells = {(s.benchmark, s.measure, s.run): s for s in some}
    changes = {(d.benchmark, d.measure): d for d in findings.differences}
    runs = ordered([score.run for score in some], findings)
    rows = [
        [
            benchmark, measure_cell(measure, caveats_of(findings, benchmark, measure)),
            _answers([s.questions for s in some if (s.benchmark, s.measure) == (benchmark, measure)]),
            *(_interval(findings, cells.get((benchmark, measure, run))) for run in runs),
            *_change(findings, changes.get((benchmark, measure))), _paper(findings, benchmark, measure),
        ]
        for benchmark, measure in keys
    ]  # fmt: skip
    compared = f"{findings.treatment} − {findings.baseline}" if findings.differences else "difference"
    head = ["benchmark", "measure", "answers", *(run_title(findings, run) for run in runs), compared, "in words",
            "better / worse", "detectable", "the paper's"]  # fmt: skip
    kept = [i for i, _ in enumerate(head) if i < 3 or any(row[i] is not None for row in rows)]
    return table([head[i] for i in kept], [[row[i] for i in kept] for row in rows], first=2)


def _answers(counts: Sequence[int]) -> str:
    """How many answers of a run have the measure: one number where all runs have as many."""
    few, many = min(counts), max(counts)
    return f"{many:,}" if few == many else f"{few:,} to {many:,}"


def measure_cell(measure: str, kinds: Sequence[str]) -> Safe:
    """A measure with the kinds of caveat about it."""
    return element(
        "span", breakable(measure), *([element("span", ", ".join(kinds), class_="under warn")] if kinds else [])
    )


def _interval(findings: Findings, score: Score | None) -> object:
    if score is None or score.value is None:
        return None
    bar, digits = percent(score), 2 if judged(score.measure) else 1
    around = element("span", f"[{number(bar.low, digits)}, {number(bar.high, digits)}]", class_="under")
    return element("span", number(bar.value, digits), mark_of(findings, score), around if bar.low is not None else "")


def _change(findings: Findings, difference: Difference | None) -> list[object]:
    if difference is None:
        return [None] * 4
    scale, digits = (1, 2) if judged(difference.measure) else (100, 1)
    low, high = (number(v * scale, digits, sign=True) for v in (difference.low, difference.high))
    signs = mark(caveats_of(findings, difference.benchmark, difference.measure))
    value = element("b" if is_clear(difference) else "span", number(difference.value * scale, digits, sign=True))
    margin = findings.design.margin and findings.design.margin * (4 if judged(difference.measure) else 1)
    under = f"p {shown}" if (shown := p_value(difference.p)).startswith("<") else f"p = {shown}"
    return [
        join([value, signs, element("span", f"[{low}, {high}]", class_="under")]),
        join([verdict(difference, margin), element("span", under, class_="under")]),
        join([f"{difference.gained:,} / {difference.lost:,}",
              element("span", f"of {difference.questions:,}", class_="under")]),
        number(difference.detectable * scale, digits),
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
