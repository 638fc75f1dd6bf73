"""Sunbursts: verbs as an inner ring, and outside of each the nouns that it is used with (paper, Figures 6 and 7)."""

from collections.abc import Iterator, Sequence
from math import cos, pi, sin
from typing import NamedTuple

from stages.reporting.charts import Drawing, svg, text
from stages.reporting.html import Safe, element

SIZE = 620.0
RADII = (74.0, 182.0, 300.0)
"""Of the hole, of the ring of verbs, and of the ring of nouns."""
LETTER = 7.2
"""Width of a letter, for what a ring has room for."""
THINNEST = 12.5
"""Height of a line of text: a thinner part of a ring has no words but a tooltip."""
WHOLE = 2 * pi - 1e-4
"""A ring of one part: an arc that ends where it begins would draw nothing."""


class Verb(NamedTuple):
    """A verb, how many rows have it, and the most frequent of its objects."""

    name: str
    rows: int
    nouns: Sequence[tuple[str, int]]
    """(noun, rows); together at most `rows`."""


class _Ring(NamedTuple):
    inner: float
    outer: float


def sunburst(title: str, verbs: Sequence[Verb], middle: str) -> Drawing:
    """One part of the inner ring a verb, as wide as its share of the rows of all `verbs`; outside, its nouns.

    A verb's rows that have none of its nouns leave a gap. title: for screen readers. middle: the text in the hole.
    """
    total = max(sum(verb.rows for verb in verbs), 1)
    parts: list[Safe] = []
    begun = 0
    for place, verb in enumerate(verbs):
        parts += _verb(verb, _colour(place), begun, total)
        begun += verb.rows
    label = [text(SIZE / 2, SIZE / 2 - 4, f"{total:,}", css="h"), text(SIZE / 2, SIZE / 2 + 16, middle)]
    return svg(title, SIZE, *parts, *label, width=SIZE)


def _verb(verb: Verb, colour: str, begun: int, total: int) -> Iterator[Safe]:
    yield from _part(verb.name, verb.rows, begun, total, _Ring(RADII[0], RADII[1]), f"{colour} part", "v verb")
    for noun, rows in verb.nouns:
        meaning = f"{verb.name} {noun}"
        yield from _part(noun, rows, begun, total, _Ring(RADII[1], RADII[2]), f"{colour} part outer", "v", meaning)
        begun += rows


def _colour(place: int) -> str:
    """The CSS class of a verb's colour: seven in turn, and another one where the fifteenth meets the first."""
    return f"s{1 + (place % 7 if place < 14 else 3)}"


def _part(
    name: str, rows: int, begun: int, total: int, ring: _Ring, colour: str, words: str, meaning: str = ""
) -> Iterator[Safe]:  # fmt: skip
    """A part of a ring with its tooltip, and its name where there is room; `words`: the CSS class of the name."""
    start, sweep = 2 * pi * begun / total, 2 * pi * rows / total
    tooltip = element("title", f"{meaning or name}: {rows:,}")
    yield element("path", tooltip, d=_outline(start, min(sweep, WHOLE), ring), class_=colour)
    if sweep * (ring.inner + ring.outer) / 2 >= THINNEST:
        yield _name(name, start + sweep / 2, ring, words)


def _outline(start: float, sweep: float, ring: _Ring) -> str:
    """The path of a part of a ring; angles in radians, clockwise from the top."""
    large = int(sweep > pi)
    corners = [_point(radius, angle) for radius in ring for angle in (start, start + sweep)]
    (a, b), (c, d) = corners[:2], corners[2:]
    inner, outer = f"{ring.inner:g} {ring.inner:g}", f"{ring.outer:g} {ring.outer:g}"
    return f"M{c}A{outer} 0 {large} 1 {d}L{b}A{inner} 0 {large} 0 {a}Z"


def _point(radius: float, angle: float) -> str:
    return f"{SIZE / 2 + radius * sin(angle):.2f} {SIZE / 2 - radius * cos(angle):.2f}"


def _name(name: str, angle: float, ring: _Ring, css: str) -> Safe:
    """A name along the radius, cut to the ring's width, never upside down."""
    room = int((ring.outer - ring.inner - 10) / LETTER)
    shown = name if len(name) <= room else f"{name[: room - 1]}…"
    degrees = angle * 180 / pi - 90
    turned = degrees + 180 if angle > pi else degrees
    place = _point((ring.inner + ring.outer) / 2, angle)
    moved = f"translate({place}) rotate({turned:.2f})"
    return element("text", shown, transform=moved, text_anchor="middle", dy="0.35em", class_=css)
