"""A chart of horizontal bars, the paper's value above ours for each arm, that stays readable on a narrow screen."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.reporting.charts import Axis, Bar, Drawing, legend, svg, text
from stages.reporting.html import Safe, element, join, number

WIDTH = 440.0
LEFT, RIGHT = 142.0, 82.0
"""Room for the names of arms, and for values."""
TOP = 62.0
ROW, THICK = 33.0, 11.0
THEIRS, OURS = 0, 1
"""Numbers of the colours."""


class BarRow(NamedTuple):
    """One arm."""

    name: str
    theirs: Bar
    ours: Bar
    """Its value is None where this run has none."""
    mark: str = ""
    """The mark of doubt of ours."""


def bar_panel(title: str, rows: Sequence[BarRow], axis: Axis) -> Drawing:
    """A panel with two bars a row, values at the right end, and 95% intervals on ours."""
    bottom = TOP + ROW * len(rows)
    parts = [text(6, 16, title, "start", "v"), legend({"the paper's": THEIRS, "ours": OURS}, 38.0)]
    for tick in axis.ticks:
        x = _x(tick, axis)
        parts.append(element("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, class_="grid"))
        parts.append(text(x, bottom + 16, f"{tick:g}"))
    parts += [_row(row, TOP + ROW * place, axis) for place, row in enumerate(rows)]
    return svg(title, bottom + 26, *parts, width=WIDTH)


def _row(row: BarRow, top: float, axis: Axis) -> Safe:
    ours = f"{number(row.ours.value, axis.digits)}{row.mark}" if row.ours.value is not None else "not here"
    return join([
        text(LEFT - 8, top + THICK + 4, row.name, "end"),
        _bar(f"{row.name}, the paper's", row.theirs, THEIRS, top, axis),
        _bar(f"{row.name}, ours", row.ours, OURS, top + THICK + 2, axis),
        text(WIDTH - 6, top + THICK - 1, number(row.theirs.value, axis.digits), "end"),
        text(WIDTH - 6, top + 2 * THICK + 2, ours, "end", "v" if row.ours.value is not None else "t"),
    ])  # fmt: skip


def _bar(name: str, bar: Bar, colour: int, top: float, axis: Axis) -> Safe:
    if bar.value is None:
        return Safe("")
    around = f" (95% interval {number(bar.low)} to {number(bar.high)})" if bar.low is not None else ""
    tooltip = element("title", f"{name}: {number(bar.value, axis.digits)}{axis.unit}{around}")
    # At least one pixel, so that a zero is seen to be a zero and not a missing bar.
    width = max(_x(bar.value, axis) - LEFT, 1.0)
    shape = element("rect", tooltip, x=LEFT, y=top, width=width, height=THICK, rx=2, class_=f"s{colour}")
    return join([shape, _whisker(bar, top + THICK / 2, axis)])


def _whisker(bar: Bar, y: float, axis: Axis) -> Safe:
    if bar.low is None or bar.high is None:
        return Safe("")
    low, high = _x(bar.low, axis), _x(bar.high, axis)
    path = f"M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 3:.1f}v6M{high:.1f} {y - 3:.1f}v6"
    return element("path", d=path, class_="whisker")


def _x(value: float, axis: Axis) -> float:
    inside = min(max(value, axis.low), axis.high)
    return LEFT + (inside - axis.low) / (axis.high - axis.low) * (WIDTH - LEFT - RIGHT)
