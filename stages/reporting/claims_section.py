"""The top of the report: what the planned comparisons on verified sequences show, in words and numbers."""

from collections.abc import Iterator, Mapping, Sequence

from stages.reporting.caveats import mark
from stages.reporting.findings import Findings, Score, mark_of, run_title
from stages.reporting.html import Safe, element, number, p_value, table
from stages.reporting.planned_comparisons import Claim
from stages.reporting.score_section import ordered, percent
from stages.reporting.verdicts import is_clear, sentence, verdict

NOTE = (
    "Chosen before the run; verified sequences have right answers that are computed, and no judge takes part. "
    "Difference: question by question, with its 95% interval (over questions, and over training seeds where there are "
    "several). p: of a sign-flip test, or Student's t over seeds, adjusted by Holm's method for these comparisons. "
    "Detectable: the smallest true difference that this design shows with a chance of 80%."
)
KINDS = {
    "headline": "Does training on sequences help?",
    "beyond": "On longer sequences than those trained on?",
    "unseen": "On types of task that no training set has?",
    "matched": "With training rows of equal length?",
}
PARTS = ("following", "attempted", "accuracy", "complete")
"""Measures of the tables by parts of a benchmark."""
PARTS_NOTE = (
    "Following: every task attempted, right or wrong. Attempted, accuracy: share of the tasks attempted, and right. "
    "Complete: every task right. By position: only sequences that are so long have a task there."
)


def claims_section(findings: Findings, opening: str = "") -> list[Safe]:
    """Every claim in words, then in a table; empty where no verified sequences were answered by both runs.

    opening: the kind of claim that the page opens with, which is not said again in words.
    """
    if not findings.claims:
        return []
    margin, family = findings.design.margin, len(findings.claims)
    texts = [
        element(
            "p", element("b", KINDS[claim.kind]), f" {_first_upper(claim.where)}: ", sentence(claim, margin, family),
            *_doubts(claim), class_="lead" if claim.kind == "headline" else "",
        )
        for claim in findings.claims if claim.measure == "following" and claim.kind != opening
    ]  # fmt: skip
    head = ["sequences", "measure", "compared", "baseline", "treatment", "difference", "p", "detectable", "questions",
            "seeds", "in words"]  # fmt: skip
    rows = [_row(claim, margin) for claim in findings.claims]
    return [
        element("h2", "Sequential against single-task training", id="claims"), *texts,
        element("details", element("summary", "The planned comparisons in numbers"),
                element("p", NOTE, class_="note"), table(head, rows, first=3)),
    ]  # fmt: skip


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _doubts(claim: Claim) -> Iterator[Safe]:
    if claim.kinds:
        yield element("span", f" {mark(claim.kinds)} Fewer than 30 questions: the interval is wide.", class_="warn")


def _row(claim: Claim, margin: float | None) -> list[object]:
    signs = mark(claim.kinds)
    low, high = (number(100 * end, sign=True) for end in (claim.low, claim.high))
    around = element("span", f"[{low}, {high}]", class_="under")
    change = element("b" if is_clear(claim) else "span", number(100 * claim.difference, sign=True))
    return [
        claim.where, claim.measure, f"{claim.treatment} − {claim.baseline}", f"{number(100 * claim.before)}{signs}",
        f"{number(100 * claim.after)}{signs}", element("span", change, signs, around), p_value(claim.p),
        number(100 * claim.detectable), claim.questions, claim.seeds, verdict(claim, margin),
    ]  # fmt: skip


def verified_section(findings: Findings) -> list[Safe]:
    """Verified sequences by their number of tasks, by position, by structure, and by seen and unseen types."""
    entries = [*findings.design.verified, *findings.design.unseen]
    tables = [
        *(part for entry in entries for part in _by(findings, entry, "tasks", f"{entry}, by the number of tasks")),
        *(part for entry in entries for part in _by(findings, entry, "position", f"{entry}, by the task's position")),
        *(part for entry in entries for part in _by(findings, entry, "group", f"{entry}, by structure")),
        *_by_types(findings, entries),
    ]
    head = [element("h3", "Verified sequences"), element("p", PARTS_NOTE, class_="note")]
    return [*head, *tables] if tables else []


def _by(findings: Findings, entry: str, group: str, caption: str) -> list[Safe]:
    """A table with a column for each part of a benchmark; [] where it has none."""
    some = [
        s for s in findings.scores
        if s.benchmark == entry and s.group.startswith(f"{group}:") and s.measure in PARTS and s.value is not None
    ]  # fmt: skip
    parts = sorted(
        {s.group.partition(":")[2] for s in some}, key=lambda part: (int(part) if part.isdigit() else 0, part)
    )
    cells = {(s.measure, s.run, s.group.partition(":")[2]): s for s in some}
    rows = [
        [measure, run_title(findings, run), *(cell(findings, cells.get((measure, run, part))) for part in parts)]
        for measure in PARTS for run in ordered([s.run for s in some], findings)
        if any((measure, run, part) in cells for part in parts)
    ]  # fmt: skip
    return [table(["measure, %", "run", *parts], rows, caption, first=2)] if rows else []


def _by_types(findings: Findings, entries: Sequence[str]) -> list[Safe]:
    """Seen against unseen types of task, an entry each; [] where there is only one of the two."""
    if not (findings.design.verified and findings.design.unseen):
        return []
    whole: Mapping[tuple[str, str, str], Score] = {
        (s.measure, s.run, s.benchmark): s for s in findings.scores if not s.group and s.value is not None
    }
    runs = ordered([run for _, run, benchmark in whole if benchmark in entries], findings)
    rows = [
        [measure, run_title(findings, run), *(cell(findings, whole.get((measure, run, entry))) for entry in entries)]
        for measure in PARTS for run in runs
    ]  # fmt: skip
    kinds = [f"{entry} ({'unseen' if entry in findings.design.unseen else 'seen'} types)" for entry in entries]
    return [table(["measure, %", "run", *kinds], rows, "Types of task that training may use, and others", first=2)]


def cell(findings: Findings, score: Score | None) -> Safe | None:
    """A share with its mark and its interval below it; None for None."""
    if score is None or score.value is None:
        return None
    bar = percent(score)
    around = f"[{number(bar.low)}, {number(bar.high)}]" if bar.low is not None else ""
    return element("span", number(bar.value), mark_of(findings, score), element("span", around, class_="under"))
