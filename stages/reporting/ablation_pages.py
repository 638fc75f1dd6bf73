"""One page for each ablation: the sets it compares, and how well their lengths match (paper 5.1)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.reporting.charts import axis_for, framed, lines
from stages.reporting.document import document
from stages.reporting.html import Safe, element, number, table

Page = Mapping[str, Any]
"""The metrics that `sample` and `split` write for an ablation, see stages/ablations/length_report.py."""
BAR = 32
"""Width of a histogram bar, in tokens."""
DESCRIPTIONS = {
    "budget": "Data level: rows of the first set were drawn until their tokens equal those of the second.",
    "pairs": "Instance level: the most rows of both sets that pair off with a row of equal length in the other.",
    "split": "Task level: sequences taken apart, into rows with one task each and into turns of a conversation.",
}


def ablations(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Page]:
    """The ablations among what stages wrote: name -> page. stages: stage -> name -> its metrics."""
    pages = {**stages.get("sample", {}), **stages.get("split", {})}
    return {name: page for name, page in sorted(pages.items()) if page.get("before") and page.get("after")}


def files(pages: Mapping[str, Page], figures: Sequence[Safe] = (), style: str = "") -> dict[str, str]:
    """Every page by its path under data/report/, and one that lists them, with figures below. style: of the figures."""
    listed = {"ablations/index.html": document("seqit ablations", *_overview(pages), *figures, style=style)}
    return listed | {f"ablations/{name}.html": document(f"seqit: {name}", *_page(name, pages[name])) for name in pages}


def level(page: Page) -> str:
    """Which of the three levels an ablation is at: a key of DESCRIPTIONS."""
    return "pairs" if "matching" in page else "split" if "taken_apart" in page else "budget"


def _overview(pages: Mapping[str, Page]) -> list[Safe]:
    rows = [
        [
            element("a", name, href=f"{name}.html"), level(page), " / ".join(page["after"]),
            " / ".join(f"{arm['rows']:,}" for arm in page["after"].values()),
            " / ".join(f"{arm['tokens']:,}" for arm in page["after"].values()),
            number(page["kolmogorov_smirnov"]["after"]["p"], 3), number(100 * page["ids"]["share"]),
        ]
        for name, page in pages.items()
    ]  # fmt: skip
    head = ["ablation", "level", "sets", "rows", "tokens", "same lengths, p", "ids in both, %"]
    overview = table(head, rows, first=3) if rows else element("p", "No ablation was run.")
    return [element("h1", "Ablations (paper 5.1)"), _back("../index.html", "the report"), overview]


def _page(name: str, page: Page) -> Iterator[Safe]:
    yield element("h1", name)
    yield element("p", DESCRIPTIONS[level(page)], class_="lead")
    yield _back("index.html", "all ablations")
    yield element("h2", "Rows and tokens")
    yield table(["", "set", "rows", "tokens", "tokens a row"], _arms(page), first=2)
    yield element("h2", "Lengths")
    for when in ("before", "after"):
        yield framed(_histogram(name, when, page[when]))
    yield element("h2", "Do they agree?")
    yield table(["", ""], _agreement(page), first=1)
    if "taken_apart" in page:
        yield element("h2", "What became of the rows")
        yield table(["", "what", "rows"], _outcomes(page["taken_apart"]), first=2)


def _back(target: str, title: str) -> Safe:
    return element("p", "Back to ", element("a", title, href=target), ".", class_="note")


def _arms(page: Page) -> Iterator[list[object]]:
    for when in ("before", "after"):
        for name, arm in page[when].items():
            yield [when, name, arm["rows"], arm["tokens"], number(arm["mean"])]


def _histogram(name: str, when: str, arms: Mapping[str, Page]) -> Safe:
    """Rows by length, a point for the beginning of each bar."""
    points = {
        arm: [(float(BAR * bar), float(rows)) for bar, rows in enumerate([*statistics["histogram"], 0])]
        for arm, statistics in arms.items()
    }
    axis = axis_for([rows for statistics in points.values() for _, rows in statistics])
    hues = {arm: place + 1 for place, arm in enumerate(points)}
    return lines(f"{name}, rows by length, {when}", points, hues, axis, f"tokens, {when} ({name})", marks=False)


def _agreement(page: Page) -> Iterator[list[object]]:
    # Computed again: metrics on disk have sorted keys, so the first set here may be the second set of the stage.
    (first, one), (second, other) = [*page["after"].items()][:2]
    yield [f"tokens of {first} less those of {second}", one["tokens"] - other["tokens"]]
    yield ["the same lengths, row by row", "yes" if page["same_lengths"] else "no"]
    for when, test in page["kolmogorov_smirnov"].items():
        yield [f"Kolmogorov-Smirnov, {when}: largest distance D", number(test["d"], 4)]
        yield [f"Kolmogorov-Smirnov, {when}: p that lengths have one distribution", number(test["p"], 4)]
    yield ["source rows in both sets", page["ids"]["both"]]
    yield ["source rows in either set", page["ids"]["either"]]
    for key, value in page.get("matching", {}).items():
        yield [key.replace("_", " "), value]


def _outcomes(page: Page) -> Iterator[list[object]]:
    for kind in ("outcomes", "actions"):
        for what, rows in page[kind].items():
            yield [kind, what, rows]
