"""The section on verbs: sunbursts of what rounds added, by set and action, and the same as files and as a table."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stages.reporting import theme
from stages.reporting.charts import Drawing
from stages.reporting.findings import Findings
from stages.reporting.html import Safe, element, join, table
from stages.reporting.sunburst import SIZE, Verb, sunburst

VERBS, NOUNS = 15, 4
"""Verbs of a figure, and nouns of a verb, as in the paper's Figures 6 and 7."""
TITLE = "Verbs that rounds added, and their objects"
INTRODUCTION = (
    "As the paper's Figures 6 and 7: of the words that a round added to an instruction, the verb nearest the root of "
    "the parse and its first direct object; the 15 most frequent verbs, four nouns each. A gap outside a verb stands "
    "for other objects, and for clauses and pronouns, which are no nouns. The parser misreads some verbs and more "
    "objects (docs/measurements.md)."
)
ABSENT = (
    "The verbs that rounds added (the paper's Figures 6 and 7) were not counted: that needs the extra `verbs` and "
    "entries under count_verbs in params.yaml."
)
PLACE = "sunbursts"
COUNTS = f"{PLACE}/verbs.csv"
Counts = Mapping[str, Counter[str]]
"""Verb -> noun -> rows; "" for no noun."""


class Figure(NamedTuple):
    """One sunburst: of a set, or of what one action did to it."""

    title: str
    file: str
    """Path below data/report/."""
    counts: Counts


def verb_section(findings: Findings) -> list[Safe]:
    """The section; one sentence where nothing was counted, and nothing where there was no round."""
    if not findings.rounds:
        return []
    head = element("h2", TITLE, id="verbs")
    drawn = [figure for figure in figures(findings) if _most_frequent(figure.counts)]
    if not drawn:
        return [head, element("p", ABSENT)]
    return [
        head,
        element("p", INTRODUCTION),
        *(part for figure in drawn for part in _shown(figure)),
        *_skipped(findings),
    ]


def sunburst_files(findings: Findings) -> dict[str, str]:
    """Each figure as an SVG of its own, and all counts as CSV, by their paths below data/report/."""
    drawn = [figure for figure in figures(findings) if _most_frequent(figure.counts)]
    return {COUNTS: _csv(findings)} | {figure.file: f"{_standalone(figure)}\n" for figure in drawn}


def figures(findings: Findings) -> list[Figure]:
    """A figure of each set, over all its rounds, followed by one of each action."""
    collected = []
    for name, actions in _by_set(findings).items():
        file = f"{PLACE}/{_file_name(name)}"
        collected.append(Figure(f"{name}, all actions", f"{file}.svg", _together(actions)))
        if len(actions) > 1:
            collected += [
                Figure(f"{name}, {action}", f"{file}-{_file_name(action)}.svg", counts)
                for action, counts in sorted(actions.items())
            ]
    return collected


def _by_set(findings: Findings) -> dict[str, dict[str, Counts]]:
    """Set without its round ("rewritten/seed") -> action -> counts."""
    sets: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    for _, document in sorted(findings.stages.get("count_verbs", {}).items()):
        actions = sets.setdefault("/".join(document["after"].split("/")[:2]), {})
        for action, verbs in document["verbs"].items():
            for verb, nouns in verbs.items():
                actions.setdefault(action or "other", {}).setdefault(verb, Counter()).update(nouns)
    return {name: dict(actions) for name, actions in sets.items()}


def _together(actions: Mapping[str, Counts]) -> Counts:
    whole: dict[str, Counter[str]] = {}
    for counts in actions.values():
        for verb, nouns in counts.items():
            whole.setdefault(verb, Counter()).update(nouns)
    return whole


def _most_frequent(counts: Counts) -> list[Verb]:
    """The verbs of a figure, the most frequent first; equal ones by name."""
    verbs = [Verb(verb, nouns.total(), _ordered(nouns)[:NOUNS]) for verb, nouns in counts.items() if verb]
    return sorted(verbs, key=lambda verb: (-verb.rows, verb.name))[:VERBS]


def _ordered(nouns: Counter[str]) -> list[tuple[str, int]]:
    return sorted(((noun, n) for noun, n in nouns.items() if noun), key=lambda pair: (-pair[1], pair[0]))


def _drawing(figure: Figure) -> Drawing:
    return sunburst(f"Verbs and objects: {figure.title}", _most_frequent(figure.counts), "rows")


def _shown(figure: Figure) -> Iterator[Safe]:
    verbs = _most_frequent(figure.counts)
    rows = [[verb.name, verb.rows, ", ".join(f"{noun} {n:,}" for noun, n in verb.nouns) or None] for verb in verbs]
    total = sum(nouns.total() for nouns in figure.counts.values())
    note = f"{sum(v.rows for v in verbs):,} of {total:,} changed rows have one of these {len(verbs)} verbs. "
    yield element("h3", figure.title)
    yield element("p", note, element("a", "As a picture", href=figure.file), ".", class_="note")
    yield element("div", _drawing(figure), class_="chart")
    numbers = table(["verb", "rows", "objects"], [[verb, nouns, n] for verb, n, nouns in rows], first=2)
    yield element("details", element("summary", "The same as a table"), numbers)


def _skipped(findings: Findings) -> list[Safe]:
    """What was not parsed, by set and reason, and the parsers."""
    documents = sorted(findings.stages.get("count_verbs", {}).items())
    rows = [[name, d["rows"], d["with_verb"], d["with_object"], _reasons(d["skipped"])] for name, d in documents]
    parsers = join((element("code", name) for name in sorted({d["parser"] for _, d in documents})), ", ")
    head = ["set", "changed rows", "with a verb", "with an object", "not parsed"]
    cells = [[name, reasons, *numbers] for name, *numbers, reasons in rows]
    counts = table([head[0], head[-1], *head[1:-1]], cells, first=2)
    return [element("h3", "Rows that were parsed"), counts, element("p", "Parser: ", parsers, class_="note")]


def _reasons(skipped: Mapping[str, int]) -> str | None:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(skipped.items())) or None


def _standalone(figure: Figure) -> Safe:
    back = element("rect", width=SIZE, height=SIZE + 44, rx=12, class_="panel")
    title = element("text", figure.title, x=SIZE / 2, y=30, text_anchor="middle", class_="h")
    return element(
        "svg", Safe(f"<style>{theme.standalone_chart_style()}</style>"), back, title,
        element("g", _drawing(figure), transform="translate(0 44)"), xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {SIZE:g} {SIZE + 44:g}", width=SIZE, height=SIZE + 44, role="img", aria_label=figure.title,
    )  # fmt: skip


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:100] or "other"


def _csv(findings: Findings) -> str:
    """Every count, also those that no figure has room for."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["set", "action", "verb", "object", "rows"])
    for name, actions in sorted(_by_set(findings).items()):
        for action, counts in sorted(actions.items()):
            for verb, nouns in sorted(counts.items()):
                writer.writerows([name, action, verb, noun, n] for noun, n in sorted(nouns.items()))
    return stream.getvalue()
