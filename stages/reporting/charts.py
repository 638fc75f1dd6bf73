"""Small SVG charts without scripts: grouped bars with intervals, stacked shares, lines, in the colours of the page."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from stages.reporting.html import DASH, Safe, element, join, number, scrolling

WIDTH = 930.0
NARROW = 460.0
"""Charts of at most this width are readable on a telephone; the page lets others scroll there."""
LEFT = 52.0
RIGHT = 14.0
LONGEST_NAME = 28
"""Characters of a name in a legend; the whole name is its tooltip."""
CHARACTER = 7.2
"""Width of a character, on average; names are cut to fit by it."""


class Bar(NamedTuple):
    """One value with its 95% interval, in the unit of the chart; None where it is unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Drawing(Safe):
    """SVG elements, and the height that they need."""

    height: float

    def __new__(cls, markup: str, height: float) -> "Drawing":
        """The markup of an <svg> that is `height` units high."""
        drawn = super().__new__(cls, markup)
        drawn.height = height
        return drawn


class Axis(NamedTuple):
    """A vertical axis: from `low` to `high` with a line at each of `ticks`; `unit` follows the numbers."""

    low: float
    high: float
    ticks: tuple[float, ...]
    unit: str = ""
    digits: int = 1


PERCENT = Axis(0, 100, (0, 25, 50, 75, 100), "%")
JUDGED = Axis(1, 5, (1, 2, 3, 4, 5), digits=2)


def axis_for(values: Sequence[float], unit: str = "") -> Axis:
    """An axis from 0 that holds `values`, with four or five round ticks."""
    top = max([*values, 1e-9])
    step = next(s * 10.0**e for e in range(-9, 12) for s in (1, 2, 2.5, 5) if s * 10.0**e * 5 >= top)
    ticks = tuple(round(step * i, 10) for i in range(6) if step * (i - 1) < top)
    return Axis(0, ticks[-1], ticks, unit)


def grouped_bars(
    title: str, groups: Mapping[str, Mapping[str, Bar]], series: Mapping[str, int], axis: Axis = PERCENT
) -> Drawing:
    """Bars side by side with their 95% intervals, and their values below the axis, where no interval crosses them.

    groups: label -> series -> bar, drawn from left to right in the given order; labels break at " / ". series: name ->
    number of its colour.
    """
    height, bottom = 290.0, 226.0
    full = min(WIDTH, 120.0 + 70 * len(series) * max(len(groups), 1))
    slot = (full - LEFT - RIGHT) / max(len(groups), 1)
    width = min(slot * 0.8 / max(len(series), 1), 46.0)
    parts = [grid(axis, 34.0, bottom, full)]
    for i, (label, bars) in enumerate(groups.items()):
        middle = LEFT + slot * (i + 0.5)
        left = middle - width * len(series) / 2
        parts.append(_words(label, middle, bottom + 36, int(slot / CHARACTER)))
        for j, (name, colour) in enumerate(series.items()):
            bar = bars.get(name, Bar(None))
            parts.append(_bar(f"{label}, {name}", bar, colour, left + width * j, width, axis, 34.0, bottom))
    names = legend(series, full)
    return svg(title, height + names.height, below(names, *parts), width=full)


def stacked(
    title: str, rows: Mapping[str, Mapping[str, float]], keys: Mapping[str, str], width: float = WIDTH
) -> Drawing:  # fmt: skip
    """Horizontal bars of shares that add up to 1. rows: label -> key -> share; keys: key -> CSS class of its colour."""
    left, thick, gap = 250.0 if width > NARROW else 130.0, 22.0, 9.0
    names, parts = legend(keys, width), []
    for i, (label, shares) in enumerate(rows.items()):
        top = 36 + i * (thick + gap)
        parts.append(text(left - 10, top + thick * 0.7, label, "end", longest=int(left / CHARACTER)))
        parts.append(
            element("g", _segments(label, shares, keys, width - RIGHT - left), transform=f"translate({left:g} {top:g})")
        )
    return svg(title, 46 + len(rows) * (thick + gap) + names.height, below(names, *parts), width=width)


def lines(
    title: str, series: Mapping[str, Sequence[tuple[float, float]]], colours: Mapping[str, int], axis: Axis,
    x_label: str, width: float = WIDTH, marks: bool = True,
) -> Drawing:  # fmt: skip
    """One line a series through its (x, y) points, drawn left to right; `marks` puts a dot on every point."""
    bottom, points = 226.0, [p for values in series.values() for p in values]
    xs = sorted({x for x, _ in points}) or [0.0]
    right = width - RIGHT - 10

    def place(point: tuple[float, float]) -> tuple[float, float]:
        span = (xs[-1] - xs[0]) or 1.0
        return LEFT + 12 + (point[0] - xs[0]) / span * (right - LEFT - 12), _height(point[1], axis, 34.0, bottom)

    ticks = xs if len(xs) <= 8 else [xs[round(i * (len(xs) - 1) / 7)] for i in range(8)]
    names, parts = legend({name: colours[name] for name in series}, width), [grid(axis, 34.0, bottom, width)]
    parts += [text(place((x, 0))[0], bottom + 18, f"{x:g}") for x in ticks]
    parts.append(text((LEFT + right) / 2, bottom + 38, x_label, longest=int(width / CHARACTER)))
    for name, values in series.items():
        parts.append(_line(name, [(p, *place(p)) for p in values], colours[name], axis, marks))
    return svg(title, 272.0 + names.height, below(names, *parts), width=width)


def differences(title: str, rows: Mapping[str, Bar]) -> Drawing:
    """Dots with their intervals about a line at zero. rows: label -> difference, in the chart's unit."""
    left, step, bottom = 250.0, 30.0, 30 + 30.0 * len(rows)
    reach = axis_for([abs(v) for bar in rows.values() for v in bar if v] or [1.0]).high

    def place(value: float) -> float:
        return left + (value / reach + 1) / 2 * (WIDTH - RIGHT - 40 - left)

    parts = [text(LEFT, 14, title, "start", longest=int(WIDTH / CHARACTER) - 8)]
    for tick in (-reach, -reach / 2, 0.0, reach / 2, reach):
        x = place(tick)
        parts.append(element("line", x1=x, x2=x, y1=24, y2=bottom, class_="whisker" if tick == 0 else "grid"))
        parts.append(text(x, bottom + 18, f"{tick:+g}" if tick else "0"))
    for i, (label, bar) in enumerate(rows.items()):
        y = 24 + step * (i + 0.5)
        parts.append(text(left - 10, y + 4, label, "end", longest=int(left / CHARACTER)))
        parts.append(_dot(label, bar, place, y))
    return svg(title, bottom + 28, *parts)


def legend(names: Mapping[str, int | str], width: float = WIDTH) -> Drawing:
    """Coloured squares with their names, in as many rows as they need. names: name -> number or CSS class of a colour.

    The height is that of the rows after the first.
    """
    left, row, parts = LEFT, 0, []
    for name, colour in names.items():
        needed = 36 + CHARACTER * min(len(name), LONGEST_NAME)
        if left + needed > width and left > LEFT:
            left, row = LEFT, row + 1
        css, top = f"s{colour % 8}" if isinstance(colour, int) else colour, 12.0 + 20 * row
        parts.append(element("rect", x=left, y=top - 9, width=11, height=11, rx=2, class_=css))
        parts.append(text(left + 17, top + 0.5, name, "start", longest=LONGEST_NAME))
        left += needed
    return Drawing(join(parts), 20.0 * row)


def below(drawn: Drawing, *parts: object) -> Safe:
    """A legend, and the rest of a chart moved down by what the legend needs."""
    return join(
        [drawn, element("g", *parts, transform=f"translate(0 {drawn.height:g})") if drawn.height else join(parts)]
    )


def grid(axis: Axis, top: float, bottom: float, width: float = WIDTH) -> Safe:
    """Horizontal lines with their numbers."""
    parts = []
    for tick in axis.ticks:
        y = _height(tick, axis, top, bottom)
        parts.append(element("line", x1=LEFT, x2=width - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(text(LEFT - 8, y + 4, f"{tick:g}{axis.unit}", "end"))
    return join(parts)


def text(
    x: float, y: float, content: str, anchor: str = "middle", css: str = "t", longest: int | None = None
) -> Safe:  # fmt: skip
    """A line of text, cut to `longest` characters, then with the whole as its tooltip."""
    if longest is None or len(content) <= longest:
        return element("text", content, x=x, y=y, text_anchor=anchor, class_=css)
    shown = f"{content[: max(longest - 1, 1)].rstrip()}…"
    return element("text", element("title", content), shown, x=x, y=y, text_anchor=anchor, class_=css)


def framed(drawing: Safe) -> Safe:
    """A chart on the page, in a box that scrolls where the page is narrower than letters of a readable size need."""
    return scrolling(drawing, "chart")


def svg(title: str, height: float, *parts: object, width: float = WIDTH) -> Drawing:
    """An <svg> element that scales with the page; its title is read by screen readers."""
    drawn = element(
        "svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:g} {height:g}", role="img",
        aria_label=title, width=width, height=height, class_="broad" if width > NARROW else None,
    )  # fmt: skip
    return Drawing(drawn, height)


def _height(value: float, axis: Axis, top: float, bottom: float) -> float:
    inside = min(max(value, axis.low), axis.high)
    return bottom - (inside - axis.low) / (axis.high - axis.low) * (bottom - top)


def _bar(name: str, bar: Bar, colour: int, left: float, width: float, axis: Axis, top: float, bottom: float) -> Safe:
    middle = left + width / 2
    if bar.value is None:
        return text(middle, bottom + 15, DASH)
    y = _height(bar.value, axis, top, bottom)
    tooltip = element("title", f"{name}: {number(bar.value, axis.digits)}{axis.unit}{_interval(bar, axis.digits)}")
    # At least one pixel, so that a zero is seen to be a zero and not a missing bar.
    shape = element(
        "rect", tooltip, x=left + 1, y=min(y, bottom - 1), width=width - 2, height=max(bottom - y, 1.0), rx=2,
        class_=f"s{colour % 8}",
    )  # fmt: skip
    whisker = _whisker(middle, bar, axis, top, bottom)
    return join([shape, whisker, text(middle, bottom + 15, number(bar.value, axis.digits), css="v")])


def _whisker(x: float, bar: Bar, axis: Axis, top: float, bottom: float) -> Safe:
    if bar.low is None or bar.high is None:
        return Safe("")
    low, high = _height(bar.low, axis, top, bottom), _height(bar.high, axis, top, bottom)
    path = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"
    return element("path", d=path, class_="whisker")


def _interval(bar: Bar, digits: int) -> str:
    return "" if bar.low is None else f" (95% interval {number(bar.low, digits)} to {number(bar.high, digits)})"


def _dot(label: str, bar: Bar, place: Callable[[float], float], y: float) -> Safe:
    if bar.value is None:
        return Safe("")
    tooltip = element("title", f"{label}: {number(bar.value, 2, sign=True)}{_interval(bar, 2)}")
    parts = [element("circle", tooltip, cx=place(bar.value), cy=y, r=5, class_="s1")]
    if bar.low is not None and bar.high is not None:
        parts.insert(0, element("path", d=f"M{place(bar.low):.1f} {y:.1f}H{place(bar.high):.1f}", class_="line l1"))
    return join([*parts, text(WIDTH - RIGHT, y + 4, number(bar.value, 1, sign=True), "end", "v")])


def _segments(label: str, shares: Mapping[str, float], keys: Mapping[str, str], whole: float) -> Safe:
    parts, x = [], 0.0
    for key, css in keys.items():
        width = shares.get(key, 0.0) * whole
        tooltip = element("title", f"{label}: {key} {number(shares.get(key, 0.0) * 100)}%")
        parts.append(element("rect", tooltip, x=x, y=0, width=max(width - 1, 0.0), height=22, rx=2, class_=css))
        if width > 34:
            inside = "v" if css == "a-frozen" else "in"
            parts.append(text(x + width / 2, 15.4, f"{shares[key] * 100:.0f}%", css=inside))
        x += width
    return join(parts)


def _line(
    name: str, points: Sequence[tuple[tuple[float, float], float, float]], colour: int, axis: Axis, marks: bool
) -> Safe:
    path = " ".join(f"{x:.1f},{y:.1f}" for _, x, y in points)
    parts = [element("polyline", points=path, class_=f"line l{colour % 8}")]
    for value, x, y in points if marks else ():
        tooltip = element("title", f"{name}: {number(value[1], 2)}{axis.unit} at {value[0]:g}")
        parts.append(element("circle", tooltip, cx=x, cy=y, r=4, class_=f"s{colour % 8}"))
    return join(parts)


def _words(label: str, x: float, y: float, longest: int) -> Safe:
    return join(text(x, y + 16 * i, part, longest=longest) for i, part in enumerate(label.split(" / ")))
