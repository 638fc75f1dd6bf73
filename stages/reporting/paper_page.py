"""The page of the paper's tables: each in the paper's layout, ours beside it, and what to know before comparing."""

from collections import Counter
from collections.abc import Iterator, Mapping

from stages.core.registry import PAPER_ARMS
from stages.reporting.caveats import FEW, OTHER_MARK
from stages.reporting.document import document
from stages.reporting.findings import Findings
from stages.reporting.html import Safe, element, join, table
from stages.reporting.paper_cells import Missing, PaperCells
from stages.reporting.paper_figure import paper_figure
from stages.reporting.paper_layout import NO_RUN, Body, body, layout
from stages.reporting.paper_tables import TABLES
from stages.reporting.paper_tables.disagreements import NOTES
from stages.reporting.paper_tables.table_types import PaperTable

TITLE = "The paper's tables, and ours"
LEAD = (
    "Tables 1 to 13 and Figure 2 of Hu, Yu, Chen and Ponti (NAACL 2025), arXiv 2403.07794, as printed. Below each row "
    "stands what this run has for it, or that it has nothing."
)
READING = (
    "Numbers are percentages, but for tokens (Table 4) and a judge's marks from 1 to 5 (score, Tables 12 and 13). In "
    "square brackets: 95% intervals over the questions; the paper gives none. ° stands for fewer than "
    f"{FEW} questions or rows, {OTHER_MARK} for another doubt, which the report explains under Results."
)
NOT_DECLARED = (
    "report.paper of params.yaml is empty, so the compared runs stand for the paper's Alpaca IT and SIT, others for "
    "the arms that what they read makes them. Models, data and questions are not the paper's: the direction of a "
    "difference can be compared with the paper's, its size can't."
)
DECLARED = (
    "Which run stands for which model of the paper is what report.paper of params.yaml says; whether models, data and "
    "questions are the paper's, the table below and “What was run” in the report show."
)
STYLE = """
main{max-width:1280px}.link{white-space:nowrap}
.layout{background:linear-gradient(to right,var(--back) 40%,transparent) 0 0/44px 100% no-repeat local,
linear-gradient(to left,var(--back) 40%,transparent) 100% 0/44px 100% no-repeat local,
linear-gradient(to right,var(--rule),transparent) 0 0/16px 100% no-repeat scroll,
linear-gradient(to left,var(--rule),transparent) 100% 0/16px 100% no-repeat scroll}
.layout table{min-width:0}.layout th.group{border-bottom:1px solid var(--rule);text-align:center;padding-right:12px}
.layout tr.theirs td{border-bottom:0;padding-bottom:0}.layout .value{display:block}.layout .gap,.gap{color:var(--soft)}
.layout .run{max-width:230px;overflow-wrap:anywhere}.layout thead tr+tr th{padding-top:2px}
.layout tr.gap td{font-size:13.5px;padding-top:0}
.layout tr.gap span{position:sticky;left:0;display:inline-block;max-width:min(86vw,900px)}
.layout:focus-visible{outline:2px solid var(--accent)}
.disagree{padding-left:20px;font-size:14.5px}.disagree li{margin:4px 0;max-width:76ch}
@media(max-width:760px){.layout .run{max-width:130px;min-width:96px}
.layout td,.layout th{padding-right:9px;font-size:13px}.layout caption{max-width:88vw}
.layout::before{content:"Scroll the table sideways";display:block;position:sticky;left:0;color:var(--soft);
font-size:12.5px}}
"""


def page(findings: Findings) -> str:
    """The whole page; it needs nothing from elsewhere, and no script."""
    cells = PaperCells(findings)
    bodies = {one.number: body(one, findings, cells) for one in TABLES}
    sections = [part for one in TABLES for part in _table(one, bodies[one.number])]
    return document(
        "seqit: the paper's tables", *_opening(), *_standing(findings), *_overview(bodies), *sections,
        *paper_figure(findings, cells), style=STYLE,
    )  # fmt: skip


def _opening() -> list[Safe]:
    links = {f"table-{one.number}": f"Table {one.number}" for one in TABLES} | {"figure-2": "Figure 2"}
    back = element("p", "Back to ", element("a", "the report", href="index.html"), ".", class_="note")
    nav = (element("a", title, href=f"#{to}") for to, title in links.items())
    return [element("h1", TITLE), element("p", LEAD, class_="lead"), back, element("nav", join(nav, " "))]


def _standing(findings: Findings) -> Iterator[Safe]:
    """Which run stands for which model of the paper, and which models have none."""
    plan = findings.paper
    yield element("h2", "What stands for what", id="runs")
    yield element("p", READING)
    yield element("p", DECLARED) if plan.declared else element("p", NOT_DECLARED, class_="warn")
    rows = [
        [words, run, stand_in.model if (stand_in := plan.stand_ins.get(run)) else None,
         (stand_in.rows or "untuned") if stand_in else None]
        for arm, words in PAPER_ARMS.items() if (run := plan.runs.get(arm))
    ]  # fmt: skip
    if rows:
        yield table(["the paper's model", "run here", "its model", "trained on"], rows, first=4)
    absent = [words for arm, words in PAPER_ARMS.items() if arm not in plan.runs]
    if absent:
        title = element("summary", f"{len(absent)} of the paper's {len(PAPER_ARMS)} models have no run here")
        yield element("details", title, element("ul", *(element("li", words) for words in absent)))


def _overview(bodies: Mapping[int, Body]) -> list[Safe]:
    rows = [
        [
            element("a", f"Table {one.number}", href=f"#table-{one.number}", class_="link"),
            one.title,
            *_counts(bodies[one.number]),
        ]
        for one in TABLES
    ]
    head = ["table", "about", "numbers in it", "rows with ours", "numbers of ours"]
    return [element("h2", "What is here", id="overview"), table(head, rows, first=2)]


def _counts(rows: Body) -> tuple[int, str, int]:
    printed = sum(part != "-" for row, _ in rows for cell in row.cells for part in cell.printed)
    filled = [sum(one.filled for one in ours) for _, ours in rows]
    return printed, f"{sum(map(bool, filled))} of {len(rows)}", sum(filled)


def _table(one: PaperTable, rows: Body) -> Iterator[Safe]:
    yield element("h2", f"Table {one.number}: {one.title}", id=f"table-{one.number}")
    yield layout(one, rows)
    yield from _missing(rows)
    if notes := NOTES.get(one.number):
        yield element("h3", "Before comparing")
        yield element("ul", *(element("li", note) for note in notes), class_="disagree")


def _missing(rows: Body) -> Iterator[Safe]:
    """What has no number here and why, in words."""
    reasons = Counter(
        part.words for _, ours in rows for line in ours for cell in line.cells for part in cell
        if isinstance(part, Missing)
    )  # fmt: skip
    absent = sum(not line.cells for _, ours in rows for line in ours)
    if not reasons and not absent:
        yield element("p", "Nothing is missing here.", class_="note")
        return
    some = [f"{NO_RUN}: {absent} of {len(rows)} rows"] if absent else []
    some += [f"{words} ({count} number{'s' if count > 1 else ''})" for words, count in reasons.items()]
    counts = [f"{absent} of {len(rows)} rows"] if absent else []
    counts += [f"{total} of the numbers of runs that are here"] if (total := sum(reasons.values())) else []
    title = element("summary", f"Missing here: {', '.join(counts)}")
    yield element("details", title, element("ul", *(element("li", text) for text in some)))
