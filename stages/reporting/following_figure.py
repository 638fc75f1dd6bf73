"""The figure of the README: following, and tasks right, against the number of tasks, a line for each run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stages.reporting.charts import PERCENT, Bar, Drawing, svg, text
from stages.reporting.html import Safe, element, join, number

WIDTH = 930.0
GAP = 26.0
TOP, BOTTOM = 52.0, 252.0
ROW = 18.0
"""Height of a row of values below the lines."""
LONGEST_NAME = 26
"""Characters of a run's name in the legend; the whole name is its tooltip."""
SHAPES = ("M-5 -5H5V5H-5Z", "M0 -6L6 5H-6Z", "M0 -7L6 0L0 7L-6 0Z", "M-5 -2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z")
"""Outlines of the markers after the first, which is a circle: runs differ in print as well."""


class Point(NamedTuple):
    """A share at a number of tasks, in percent, and its mark of doubt."""

    tasks: int
    bar: Bar
    mark: str = ""


class Line(NamedTuple):
    """A run in both panels."""

    name: str
    colour: int
    panels: tuple[Sequence[Point], Sequence[Point]]


class Panel(NamedTuple):
    """A panel's title and its lines, the points of each ordered by the number of tasks."""

    title: str
    lines: Sequence[tuple[Line, Sequence[Point]]]
    columns: tuple[int, ...]
    """Every number of tasks, in order."""
    left: float
    width: float

    def x(self, tasks: int) -> float:
        """The middle of a column."""
        start, end = self.left + 62, self.left + self.width - 24
        place = self.columns.index(tasks)
        return start + (end - start) * (place + 0.5) / len(self.columns)

    @property
    def step(self) -> float:
        """The width of a column."""
        return (self.width - 86) / len(self.columns)


def following_figure(
    titles: Sequence[str], lines: Sequence[Line], trained: frozenset[int], notes: Sequence[str], whole: float = WIDTH
) -> Drawing:  # fmt: skip
    """Panels side by side with a legend above, values below, and lines of explanation.

    titles: of both panels, or of the first alone. trained: the numbers of tasks that training had; {} where they are
    not known. whole: the width of the figure.
    """
    columns = tuple(sorted({point.tasks for line in lines for panel in line.panels for point in panel}))
    legend, drop = _legend(lines, whole)
    width = (whole + GAP) / len(titles) - GAP
    panels = [
        Panel(title, [(line, line.panels[i]) for line in lines], columns, i * (width + GAP), width)
        for i, title in enumerate(titles)
    ]
    shown = element("g", *map(_panel, panels, [trained] * len(panels)), transform=f"translate(0 {drop:g})")
    height = drop + BOTTOM + 56 + ROW * len(lines)
    below = [text(12, height + 12 + ROW * i, note, "start") for i, note in enumerate(notes)]
    return svg(". ".join(titles), height + 8 + ROW * len(notes), legend, shown, *below, width=whole)


def _legend(lines: Sequence[Line], width: float) -> tuple[Safe, float]:
    """The runs with their markers, in as many rows as they need, and the height of these."""
    parts, left, row = [], 12.0, 0
    for number_of_line, line in enumerate(lines):
        name = line.name if len(line.name) <= LONGEST_NAME else f"{line.name[: LONGEST_NAME - 1]}…"
        needed = 44 + 7.0 * len(name)
        if left + needed > width and left > 12.0:
            left, row = 12.0, row + 1
        y = 14.0 + 20 * row
        parts.append(_marker(left + 8, y - 4, line.colour, number_of_line))
        whole = element("title", line.name)
        parts.append(element("text", whole, name, x=left + 22, y=y, text_anchor="start", class_="v"))
        left += needed
    return join(parts), 20.0 * row


def _panel(panel: Panel, trained: frozenset[int]) -> Safe:
    parts = [_trained(panel, trained), text(panel.left + 4, 37, panel.title, "start", "v")]
    for tick in PERCENT.ticks:
        y = _y(tick)
        parts.append(element("line", x1=panel.left + 46, x2=panel.left + panel.width - 8, y1=y, y2=y, class_="grid"))
        parts.append(text(panel.left + 40, y + 4, f"{tick:g}%", "end"))
    parts += [text(panel.x(tasks), BOTTOM + 18, f"{tasks}") for tasks in _some(panel)]
    about = "tasks in the query" + (", shaded: lengths trained on" if _inside(panel, trained) else "")
    parts.append(text(panel.left + panel.width / 2 + 19, BOTTOM + 35, about))
    for place, (line, points) in enumerate(panel.lines):
        parts.append(_drawn(panel, line, points, place))
    return join([*parts, *_values(panel)])


def _trained(panel: Panel, trained: frozenset[int]) -> Safe:
    """A ground behind the lengths of the training set."""
    return join(
        element(
            "rect", x=panel.x(tasks) - panel.step / 2, y=TOP, width=panel.step, height=BOTTOM - TOP, class_="ground"
        )
        for tasks in _inside(panel, trained)
    )


def _inside(panel: Panel, trained: frozenset[int]) -> list[int]:
    """The columns that were trained on; [] where these are all, or none."""
    inside = [tasks for tasks in panel.columns if tasks in trained]
    return inside if len(inside) < len(panel.columns) else []


def _drawn(panel: Panel, line: Line, points: Sequence[Point], place: int) -> Safe:
    """A run's line, with intervals and markers; runs stand beside each other, so that no interval hides another."""
    many = len(panel.lines)
    shift = (place - (many - 1) / 2) * min(8.0, panel.step / (many + 1))
    where = [(panel.x(p.tasks) + shift, _y(p.bar.value), p) for p in points if p.bar.value is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in where)
    parts = [element("polyline", points=path, class_=f"line l{line.colour % 8}")]
    for x, y, point in where:
        if point.bar.low is not None and point.bar.high is not None:
            ends = f"M{x:.1f} {_y(point.bar.low):.1f}V{_y(point.bar.high):.1f}"
            parts.append(element("path", d=ends, class_=f"interval l{line.colour % 8}"))
        parts.append(_marker(x, y, line.colour, place, _tooltip(line, point)))
    return join(parts)


def _tooltip(line: Line, point: Point) -> Safe:
    low, high = number(point.bar.low), number(point.bar.high)
    around = f" (95% interval {low} to {high})" if point.bar.low is not None else ""
    return element("title", f"{line.name}, {point.tasks} tasks: {number(point.bar.value)}%{around}{point.mark}")


def _marker(x: float, y: float, colour: int, place: int, *inside: Safe) -> Safe:
    css = f"s{colour % 8}"
    if place % (len(SHAPES) + 1) == 0:
        return element("circle", *inside, cx=x, cy=y, r=5, class_=css)
    shape = SHAPES[place % (len(SHAPES) + 1) - 1]
    return element("path", *inside, d=shape, transform=f"translate({x:.1f} {y:.1f})", class_=css)


def _values(panel: Panel) -> Iterator[Safe]:
    """A row of values for each run below its columns: beside the lines they would hide each other."""
    digits = 1 if panel.step > 46 else 0
    for place, (line, points) in enumerate(panel.lines):
        y = BOTTOM + 58 + ROW * place
        yield _marker(panel.left + 30, y - 4, line.colour, place)
        values: Mapping[int, Point] = {point.tasks: point for point in points}
        for tasks in _some(panel):
            point = values.get(tasks)
            shown = f"{number(point.bar.value, digits)}{point.mark}" if point else number(None)
            yield text(panel.x(tasks), y, shown, css="v")


def _some(panel: Panel) -> list[int]:
    """The columns that have numbers: all, or every second one and so on where they would touch."""
    return [*panel.columns[:: max(1, round(30 / panel.step))]]


def _y(value: float) -> float:
    return BOTTOM - min(max(value, 0.0), 100.0) / 100 * (BOTTOM - TOP)
