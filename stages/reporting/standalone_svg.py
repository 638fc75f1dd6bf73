"""A picture in a file of its own: charts one below the other, colours as literal values, no CSS variables."""

from collections.abc import Sequence

from stages.reporting import theme
from stages.reporting.charts import Drawing, svg, text
from stages.reporting.html import Safe, element

MARGIN = 20.0


def side_by_side(charts: Sequence[Drawing], width: float = 930) -> Drawing:
    """Charts in one row, each with its share of the width."""
    step = width / max(len(charts), 2)
    parts = [element("g", chart, transform=f"translate({step * place:g} 0)") for place, chart in enumerate(charts)]
    return svg("", max((chart.height for chart in charts), default=0.0), *parts, width=width)


def standalone_svg(charts: Sequence[tuple[str, Drawing]], width: float = 970, title: str = "") -> str:
    """The text of an SVG file. charts: (heading, or "", and drawing). title: for screen readers."""
    parts, top = [], 14.0
    for heading, chart in charts:
        drop = 36.0 if heading else 6.0
        parts.append(text(24, top + 22, heading, "start", "h") if heading else Safe(""))
        parts.append(element("g", chart, transform=f"translate({MARGIN:g} {top + drop:g})"))
        top += chart.height + drop + 18
    style = Safe(f"<style>{theme.standalone_chart_style()}</style>")
    back = element("rect", width=width, height=top, rx=12, class_="panel")
    drawn = element(
        "svg", style, back, *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:g} {top:g}", role="img",
        width=width, height=top, aria_label=title or "; ".join(heading for heading, _ in charts if heading),
    )  # fmt: skip
    return f"{drawn}\n"
