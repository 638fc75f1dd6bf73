"""Table 3: questions about images, alone and with a description first; ours beside the paper's."""

from collections.abc import Mapping

from stages.reporting.declared_benchmarks import published
from stages.reporting.findings import Findings, Score, mark_of
from stages.reporting.html import Safe, element, number, table
from stages.reporting.score_section import ordered, percent, rank

WAYS = {"plain": "answer", "caption": "describe, then answer"}
"""Group of a question -> the tasks that it asks for."""
NOTE = (
    "official: the benchmarks' own accuracy. accuracy: the same where an answer is stated in what a model replied "
    "(answered, the share). following: whether the description is one of the picture. Where captions stand in for "
    "pictures (images under ingest.benchmarks), these are questions about a text. Italic: the paper's "
    "InstructBLIP-Vicuna-7B, on VQAv2's test split and GQA's test-dev."
)


def vqa_section(findings: Findings) -> list[Safe]:
    """The table; empty where no question about an image was answered."""
    scores = [s for s in findings.scores if _theirs(findings, s.benchmark) and s.group.partition(":")[2] in WAYS]
    if not scores:
        return []
    names = [*dict.fromkeys(score.benchmark for score in scores)]
    cells = {(s.run, s.group.partition(":")[2], s.measure, s.benchmark): s for s in scores}
    rows: list[list[object]] = [
        [run, title, measure, *(_cell(findings, cells.get((run, way, measure, name))) for name in names)]
        for run in ordered([score.run for score in scores], findings)
        for way, title in WAYS.items()
        for measure in sorted({m for r, w, m, _ in cells if (r, w) == (run, way)}, key=rank)
    ]
    rows += [_their_row(findings, method, names) for method in ("prompt", "IT", "SIT")]
    head = ["run", "asked to", "measure", *names]
    return [element("h3", "Questions about pictures (Table 3)"), table(head, rows, NOTE, first=3)]


def _cell(findings: Findings, score: Score | None) -> str | None:
    if score is None or score.value is None:
        return None
    bar = percent(score)
    return f"{number(bar.value)}{mark_of(findings, score)} [{number(bar.low)}, {number(bar.high)}]"


def _theirs(findings: Findings, benchmark: str) -> Mapping[str, float]:
    """Method -> the paper's accuracy; {} for a benchmark that is not in Table 3."""
    figures = published(findings, benchmark).get("official", {})
    return figures if "prompt" in figures else {}


def _their_row(findings: Findings, method: str, names: list[str]) -> list[object]:
    values = [element("span", number(_theirs(findings, name)[method]), class_="paper") for name in names]
    return [f"paper's {method}", None, "official", *values]
