"""One table of the paper as HTML: a row as printed, and below it ours."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from stages.core.registry import PAPER_ARMS
from stages.reporting.findings import Findings, Round
from stages.reporting.html import DASH, Safe, element, join, number
from stages.reporting.paper_cells import Filled, Missing, Number, PaperCells, round_number
from stages.reporting.paper_tables.table_types import PaperTable, RoundValue, Row

NO_RUN = "not run here"


class OurRow(NamedTuple):
    """Our numbers below a row of the paper's."""

    title: str
    """The run, or the round of a corpus; "" where each cell has a run of its own."""
    about: str
    """The model and rows of the run."""
    cells: Sequence[Sequence[Filled]]
    """For each column the numbers of a cell; [] where no run stands for the row."""
    absent: str = ""
    """Why the row has no cells, in words."""

    @property
    def filled(self) -> int:
        """How many numbers of ours the row has."""
        return sum(isinstance(part, Number) for cell in self.cells for part in cell)


Body = Sequence[tuple[Row, Sequence[OurRow]]]


def body(table: PaperTable, findings: Findings, cells: PaperCells) -> Body:
    """Every row of a table with ours below it."""
    return [(row, [*_ours(row, findings, cells)]) for row in table.rows]


def layout(table: PaperTable, rows: Body) -> Safe:
    """The table in a box that scrolls sideways."""
    lines = join(line for row, ours in rows for line in (_theirs(table, row), *(_our_line(table, one) for one in ours)))
    parts = f"In each cell: {table.parts}. " if table.parts else ""
    caption = element("caption", parts, "Italic: the paper's. Below: ours, with 95% intervals.")
    inner = element("table", caption, element("thead", *_head(table)), element("tbody", lines))
    name = f"Table {table.number}: {table.title}"
    return element("div", inner, class_="scroll layout", tabindex="0", role="region", aria_label=name)


def _head(table: PaperTable) -> Iterator[Safe]:
    if any(column.group for column in table.columns):
        groups = [(name, len([*some])) for name, some in groupby(table.columns, key=lambda column: column.group)]
        cells = (element("th", name, colspan=width, class_="group") for name, width in groups)
        yield element("tr", element("th", "", colspan=len(table.heads)), *cells)
    yield element(
        "tr", *(element("th", title, scope="col", class_="name") for title in table.heads),
        *(element("th", column.title, scope="col", class_="num") for column in table.columns),
    )  # fmt: skip


def _theirs(table: PaperTable, row: Row) -> Safe:
    labels = (element("td", label, class_="name") for label in row.labels)
    cells = [element("td", *_printed(cell.printed), class_="num paper") for cell in row.cells]
    rest = [element("td", "", class_="num")] * (len(table.columns) - len(cells))
    return element("tr", *labels, *cells, *rest, class_="theirs")


def _printed(parts: Sequence[str]) -> Iterator[Safe]:
    for place, part in enumerate(parts):
        text = DASH if part == "-" else f"{part.replace('-', '−')}{'%' if place else ''}"
        yield element("span", text, **({"class_": "under"} if place else {}))


def _our_line(table: PaperTable, one: OurRow) -> Safe:
    about = element("span", one.about, class_="under") if one.about else ""
    if not one.cells:
        why = element("span", "Ours: ", one.absent)
        return element("tr", element("td", why, colspan=len(table.heads) + len(table.columns)), class_="ours gap")
    title = element("td", one.title or "ours", about, colspan=len(table.heads), class_="name run")
    cells = [element("td", *map(_filled, cell), class_="num") for cell in one.cells]
    rest = [element("td", "", class_="num")] * (len(table.columns) - len(cells))
    return element("tr", title, *cells, *rest, class_="ours")


def _filled(part: Filled) -> Safe:
    if isinstance(part, Missing):
        return element("span", part.reason, class_="under gap", title=part.words)
    around = f"[{number(part.low, part.digits)}, {number(part.high, part.digits)}]" if part.low is not None else ""
    interval = element("span", around, class_="under") if around else Safe("")
    return element("span", number(part.value, part.digits), part.mark, interval, class_="value")


def _ours(row: Row, findings: Findings, cells: PaperCells) -> Iterator[OurRow]:
    if any(isinstance(wanted, RoundValue) for cell in row.cells for wanted in cell.wanted):
        yield from _rounds(row, findings)
    elif row.arms:
        yield from _arms(row, findings, cells)
    else:
        yield _by_cell(row, findings, cells)


def _arms(row: Row, findings: Findings, cells: PaperCells) -> Iterator[OurRow]:
    """A row for each arm with a run; one that says that there is none, where no arm has."""
    runs = {arm: run for arm in row.arms if (run := findings.paper.runs.get(arm))}
    for run in runs.values():
        yield OurRow(run, described(findings, run), [cells.fill(cell, run) for cell in row.cells])
    if not runs:
        names = " or ".join(row.arms)
        words = " or ".join(PAPER_ARMS[arm] for arm in row.arms)
        yield OurRow("", "", (), f"{NO_RUN}: no run stands for {words} (report.paper: {names})")


def _by_cell(row: Row, findings: Findings, cells: PaperCells) -> OurRow:
    filled: list[list[Filled]] = []
    for cell in row.cells:
        run = findings.paper.runs.get(cell.arm)
        words = f"no run stands for {PAPER_ARMS[cell.arm]} (report.paper: {cell.arm})"
        filled.append(cells.fill(cell, run) if run else [Missing(NO_RUN, words)])
    runs = [run for cell in row.cells if (run := findings.paper.runs.get(cell.arm))]
    return OurRow(" / ".join(runs), "", filled)


def _rounds(row: Row, findings: Findings) -> Iterator[OurRow]:
    corpus, iteration = row.labels
    mine = [one for one in findings.rounds if findings.paper.seed_data.get(one.corpus) == corpus]
    some = [one for one in mine if one.round == int(iteration)]
    for one in some:
        yield OurRow(f"{one.corpus}, round {one.round}", f"{one.number:,} rows", _of_round(row, findings, one))
    if not some:
        why = "no such round" if mine else f"no corpus in the format of {corpus} is rewritten (rewrite.corpora)"
        yield OurRow("", "", (), f"{NO_RUN}: {why}")


def _of_round(row: Row, findings: Findings, one: Round) -> list[list[Filled]]:
    """The numbers of one round of ours, a list for each column."""
    return [
        [round_number(findings, one, wanted.key)
         for wanted, text in zip(cell.wanted, cell.printed, strict=True)
         if isinstance(wanted, RoundValue) and text != "-"]
        for cell in row.cells
    ]  # fmt: skip


def described(findings: Findings, run: str) -> str:
    """The model and the rows of a run, in short."""
    stand_in = findings.paper.stand_ins.get(run)
    if stand_in is None:
        return ""
    model = _short(stand_in.model)
    return f"{model} on {stand_in.rows}" if stand_in.rows else f"{model}, untuned"


def _short(reference: str) -> str:
    """A reference without its kind, owner, address and revision: "Meta-Llama-3-8B"."""
    model = reference.partition("#")[2] or reference.partition(":")[2] or reference
    return model.partition("@")[0].rstrip("/").rpartition("/")[2] or reference
