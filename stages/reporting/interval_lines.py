"""A chart of lines with 95% intervals that stays readable on a narrow screen."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stages.reporting.charts import LEFT, Axis, Bar, Drawing, grid, legend, svg, text
from stages.reporting.html import Safe, element, join, number

WIDTH = 440.0
TOP, BOTTOM = 62.0, 250.0


class Curve(NamedTuple):
    """A line: its colour, and a bar for each place on the horizontal axis."""

    colour: int
    points: Mapping[int, Bar]


def interval_lines(title: str, curves: Mapping[str, Curve], axis: Axis, x_label: str) -> Drawing:
    """The curves with their intervals and a dot for every value. curves: name -> curve."""
    columns = sorted({x for curve in curves.values() for x in curve.points})
    names = {name: curve.colour for name, curve in curves.items()}
    parts = [text(6, 16, title, "start", "v"), legend(names, 40.0), grid(axis, TOP, BOTTOM, WIDTH)]
    parts += [text(_x(x, columns), BOTTOM + 18, f"{x}") for x in columns]
    parts.append(text((LEFT + WIDTH) / 2, BOTTOM + 36, x_label))
    for place, (name, curve) in enumerate(curves.items()):
        shift = 5.0 * (place - (len(curves) - 1) / 2)
        parts.append(_curve(name, curve, columns, axis, shift))
    return svg(title, BOTTOM + 44, *parts, width=WIDTH)


def axis_around(values: Sequence[float], unit: str = "", digits: int = 1) -> Axis:
    """An axis with round ticks that need not begin at 0: lines, unlike bars, show differences from any ground."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    steps = [s * 10.0**e for e in range(-4, 6) for s in (1, 2, 5)]
    step = next(step for step in steps if step * 4 >= max(high - low, 1e-3))
    first = step * int(low // step)
    ticks = [first]
    while ticks[-1] < high:
        ticks.append(round(ticks[-1] + step, 6))
    return Axis(
        ticks[0], ticks[-1] if len(ticks) > 1 else ticks[0] + step, tuple(round(t, 6) for t in ticks), unit, digits
    )


def _x(x: int, columns: Sequence[int]) -> float:
    return LEFT + 8 + (WIDTH - LEFT - 24) * (columns.index(x) + 0.5) / len(columns)


def _y(value: float, axis: Axis) -> float:
    inside = min(max(value, axis.low), axis.high)
    return BOTTOM - (inside - axis.low) / (axis.high - axis.low) * (BOTTOM - TOP)


def _curve(name: str, curve: Curve, columns: Sequence[int], axis: Axis, shift: float) -> Safe:
    where = [
        (_x(x, columns) + shift, _y(bar.value, axis), x, bar)
        for x, bar in sorted(curve.points.items()) if bar.value is not None
    ]  # fmt: skip
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in where)
    parts = [element("polyline", points=path, class_=f"line l{curve.colour % 8}")]
    for x, y, column, bar in where:
        around = ""
        if bar.low is not None and bar.high is not None:
            ends = f"M{x:.1f} {_y(bar.low, axis):.1f}V{_y(bar.high, axis):.1f}"
            parts.append(element("path", d=ends, class_=f"interval l{curve.colour % 8}"))
            around = f" (95% interval {number(bar.low, axis.digits)} to {number(bar.high, axis.digits)})"
        tooltip = element("title", f"{name}, {column}: {number(bar.value, axis.digits)}{axis.unit}{around}")
        parts.append(element("circle", tooltip, cx=x, cy=y, r=4, class_=f"s{curve.colour % 8}"))
    return join(parts)
