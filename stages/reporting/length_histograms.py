"""Length histograms of the arms of an ablation: rows by the number of their tokens, an outline for each arm."""

from collections.abc import Mapping, Sequence

from stages.reporting.charts import Drawing, axis_for, grid, legend, svg, text
from stages.reporting.html import Safe, element, join

WIDTH = 440.0
LEFT, RIGHT = 52.0, 14.0
LONGEST_NAME = 44
"""Characters of an arm's name in the legend; the whole name is its tooltip."""


def length_histogram(title: str, arms: Mapping[str, Sequence[int]], bar: int, most: int = 0) -> Drawing:
    """Outlines above one another. arms: name -> rows in each bar, from 0 tokens; bar: its width in tokens.

    most: rows that the axis has room for at least, so that charts beside each other share a scale.
    """
    top = 34.0 + 20 * len(arms)
    bottom = top + 180
    axis = axis_for([float(rows) for rows in (most, *(rows for counts in arms.values() for rows in counts))])
    bars = max((len(counts) for counts in arms.values()), default=1) or 1
    parts = [text(6, 16, title, "start", "v"), _names(arms)]
    parts.append(element("g", grid(axis, 0, bottom - top, WIDTH), transform=f"translate(0 {top:g})"))
    for place, (name, counts) in enumerate(arms.items()):
        heights = [bottom - rows / axis.high * (bottom - top) for rows in counts]
        parts.append(_outline(name, heights, bars, bottom, place + 1))
    step = max(1, round(bars / 6))
    parts += [text(_x(b, bars), bottom + 18, f"{b * bar}") for b in range(0, bars + 1, step)]
    parts.append(text((LEFT + WIDTH) / 2, bottom + 36, f"tokens of a row, in steps of {bar}"))
    return svg(title, bottom + 44, *parts, width=WIDTH)


def _names(arms: Mapping[str, object]) -> Safe:
    """A legend with a line for each arm: artifacts have long names."""
    parts = []
    for place, name in enumerate(arms):
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        parts.append(element("g", legend({short: place + 1}, 38.0 + 20 * place), element("title", name)))
    return join(parts)


def _outline(name: str, heights: Sequence[float], bars: int, bottom: float, colour: int) -> Safe:
    steps = [f"V{height:.1f}H{_x(place + 1, bars):.1f}" for place, height in enumerate(heights)]
    path = f"M{_x(0, bars):.1f} {bottom:.1f}{''.join(steps)}"
    return element("path", element("title", name), d=f"{path}V{bottom:.1f}", class_=f"line l{colour % 8}")


def _x(edge: int, bars: int) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * edge / bars
