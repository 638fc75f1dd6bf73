"""Charts: what is drawn is where its value says."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.reporting.charts import JUDGED, PERCENT, Axis, Bar, axis_for, differences, grouped_bars, lines, stacked
from stages.reporting.html import element, escaped, number, table

SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.floats(0, 100)


def rectangles(drawn: str, css: str) -> list[ElementTree.Element]:
    every = ElementTree.fromstring(drawn).iter(f"{SVG}rect")
    return [r for r in every if r.get("class") == css and r.find(f"{SVG}title") is not None]


@given(st.lists(VALUES, min_size=2, max_size=6))
def test_bars_are_as_high_as_their_values(values: list[float]) -> None:
    drawn = grouped_bars("t", {f"g{i}": {"a": Bar(v)} for i, v in enumerate(values)}, {"a": 0})
    heights = [float(r.get("height")) for r in rectangles(drawn, "s0")]
    assert heights == pytest.approx([max(v / 100 * 192, 1) for v in values], abs=0.02)


def test_an_interval_is_drawn_from_low_to_high() -> None:
    drawn = grouped_bars("t", {"g": {"a": Bar(50, 25, 75)}}, {"a": 0})
    assert re.search(r"M[\d.]+ 178.0V82.0", drawn)


def test_a_missing_value_is_a_dash_and_no_bar() -> None:
    drawn = grouped_bars("t", {"g": {"a": Bar(None)}}, {"a": 0, "b": 1})
    assert rectangles(drawn, "s0") == []
    assert drawn.count("\N{EN DASH}") == 2


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=5))
def test_stacked_shares_fill_the_bar(parts: list[float]) -> None:
    keys = {f"k{i}": f"c{i}" for i in range(len(parts))}
    drawn = stacked("t", {"row": {f"k{i}": part / sum(parts) for i, part in enumerate(parts)}}, keys)
    widths = [float(r.get("width")) for css in keys.values() for r in rectangles(drawn, css)]
    assert sum(widths) == pytest.approx(930 - 14 - 250 - len(parts), abs=len(parts))


def test_a_difference_of_zero_is_on_the_zero_line() -> None:
    drawn = ElementTree.fromstring(differences("t", {"a": Bar(0.0, -1.0, 1.0)}))
    zero = next(line for line in drawn.iter(f"{SVG}line") if line.get("class") == "whisker")
    assert next(drawn.iter(f"{SVG}circle")).get("cx") == zero.get("x1")


@pytest.mark.parametrize("axis", [PERCENT, JUDGED, Axis(0, 2, (0, 1, 2))])
def test_lines_stay_inside_their_axis(axis: Axis) -> None:
    drawn = lines("t", {"a": [(1, -1e9), (2, 1e9)]}, {"a": 0}, axis, "x")
    (points,) = re.findall(r'points="([^"]+)"', drawn)
    assert [float(p.split(",")[1]) for p in points.split()] == [226.0, 34.0]


def test_one_point_and_no_points_can_be_drawn() -> None:
    ElementTree.fromstring(lines("t", {"a": [(1, 1)]}, {"a": 0}, PERCENT, "x"))
    ElementTree.fromstring(lines("t", {}, {}, PERCENT, "x"))
    ElementTree.fromstring(grouped_bars("t", {}, {}))
    ElementTree.fromstring(stacked("t", {}, {}))
    ElementTree.fromstring(differences("t", {}))


@given(st.lists(st.floats(0, 1e9), max_size=5))
def test_an_axis_holds_its_values_with_few_ticks(values: list[float]) -> None:
    axis = axis_for(values)
    assert axis.high >= max(values, default=0)
    assert 2 <= len(axis.ticks) <= 6


@given(st.text())
def test_escaped_text_is_safe_in_xml(text: str) -> None:
    made = ElementTree.fromstring(element("p", text, title=text))
    assert len(made) == 0
    assert made.text is None or "<" not in escaped(text)


@pytest.mark.parametrize(
    ("value", "digits", "sign", "shown"),
    [(None, 1, False, "\N{EN DASH}"), (1.25, 1, False, "1.2"), (-0.04, 1, False, "0.0"),
     (-1.5, 1, True, "\N{MINUS SIGN}1.5"), (0.0, 1, True, "0.0"), (3.0, 0, True, "+3")],
)  # fmt: skip
def test_numbers_for_people(value: float | None, digits: int, sign: bool, shown: str) -> None:
    assert number(value, digits, sign) == shown


def test_table_cells_are_escaped_and_missing_ones_are_dashes() -> None:
    made = table(["<a>", "b"], [["<x>", None], ["y", 12345]])
    assert "<x>" not in made and "&lt;x&gt;" in made
    assert "12,345" in made and "\N{EN DASH}" in made
