"""Figures of the ablations: lengths, Table 6 as bars, following of every run; in the page and as files."""

import re
from xml.etree import ElementTree

import pytest

from stages.reporting.ablation_figures import (
    AT_ONCE,
    figures_of_ablations,
    following_charts,
    histograms,
    pictures,
    table_6_panels,
)
from stages.reporting.ablation_pages import ablations
from stages.reporting.bar_panels import BarRow, bar_panel
from stages.reporting.charts import Axis, Bar
from stages.reporting.interval_lines import Curve, axis_around, interval_lines
from stages.reporting.length_histograms import length_histogram
from stages.reporting.paper_tables import TABLES
from stages.reporting.report_page import files
from tests.reporting.paper_run import findings as paper_findings
from tests.reporting.paper_run import share
from tests.reporting.run import findings, metrics
from tests.reporting.test_report import HOSTILE, NOTHING, Outline

SVG = "{http://www.w3.org/2000/svg}"
WHOLE = paper_findings()
PAGES = ablations(metrics())


def texts(drawing: str) -> list[str]:
    return ["".join(e.itertext()) for e in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


def test_both_histograms_of_an_ablation_share_a_scale() -> None:
    for name, page in PAGES.items():
        before, after = (texts(chart) for chart in histograms(name, page))
        assert f"{name}, before" in before and f"{name}, after" in after
        assert set(page["before"]) <= set(before) and set(page["after"]) <= set(after)
    most = max(max(arm["histogram"]) for arm in PAGES["sit-pairs"]["before"].values())
    assert all(
        any(re.fullmatch(r"\d+", t) and int(t) >= most for t in texts(c)) for c in histograms("x", PAGES["sit-pairs"])
    )


def test_an_outline_is_as_high_as_its_rows() -> None:
    drawn = ElementTree.fromstring(length_histogram("t", {"a": [4, 0, 2], "b": [0, 4]}, 32))
    paths = [path.get("d") or "" for path in drawn.iter(f"{SVG}path")]
    heights = [[float(v) for v in re.findall(r"V([\d.]+)", path)] for path in paths]
    bottom = max(map(max, heights))
    full = bottom - heights[0][0]
    assert [round((bottom - height) / full, 3) for height in heights[0][:-1]] == [1, 0, 0.5]
    assert [round((bottom - height) / full, 3) for height in heights[1][:-1]] == [0, 1]


def test_a_panel_has_every_arm_of_table_6_with_both_values() -> None:
    panels = table_6_panels(WHOLE)
    assert len(panels) == len(TABLES[5].columns)
    for place, (panel, column) in enumerate(zip(panels, TABLES[5].columns, strict=True)):
        shown = texts(panel)
        assert shown[0] == f"{column.title}, %"
        assert all(row.cells[place].printed[0] in shown for row in TABLES[5].rows)
        assert shown.count("not here") == 2, "Command R+ as the generator is another run"
    assert f"{100 * share('alpaca-sit-multi', 'mmlu', 'mmlu', ''):.1f}°" in texts(panels[0])


def test_bars_are_as_long_as_their_values_and_what_is_missing_is_said() -> None:
    rows = [BarRow("a", Bar(50.0), Bar(25.0, 20.0, 30.0)), BarRow("b", Bar(100.0), Bar(None))]
    drawn = ElementTree.fromstring(bar_panel("t", rows, Axis(0, 100, (0, 50, 100), "%")))
    bars = [float(rect.get("width") or 0) for rect in drawn.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    assert [round(width / bars[-1], 2) for width in bars] == [0.5, 0.25, 1]
    whiskers = [path for path in drawn.iter(f"{SVG}path") if path.get("class") == "whisker"]
    assert len(whiskers) == 1 and "not here" in texts(bar_panel("t", rows, Axis(0, 100, (0, 100), "%")))


def test_every_run_is_in_a_figure_of_following_beside_the_baseline() -> None:
    for entry, charts in following_charts(WHOLE).items():
        answered = {s.run for s in WHOLE.scores if s.benchmark == entry and s.group.startswith("tasks:")}
        legends = [[t for t in texts(chart) if t.removesuffix("…") and "tasks" not in t] for chart in charts]
        runs = [[e.text for e in ElementTree.fromstring(c).iter(f"{SVG}title")] for c in charts]
        named = {(text or "").partition(",")[0] for some in runs for text in some}
        assert answered <= named, entry
        with_baseline = [any("alpaca-it" in text for text in legend) for legend in legends]
        assert all(with_baseline) or "alpaca-it" not in answered
    assert {"seqeval", "seqeval-1", "verified"} <= set(following_charts(WHOLE))


def test_lines_of_one_figure_differ_in_colour() -> None:
    for charts in following_charts(WHOLE).values():
        for chart in charts:
            lines = [e.get("class") for e in ElementTree.fromstring(chart).iter(f"{SVG}polyline")]
            half = lines[: len(lines) // 2]
            assert 0 < len(half) <= AT_ONCE and len(set(half)) == len(half)


def test_files_are_pictures_without_css_variables() -> None:
    made = pictures(WHOLE)
    assert set(made) == {f"ablations/{name}.svg" for name in ("table-6", "figure-2", "following")}
    for drawn in made.values():
        assert ElementTree.fromstring(drawn).tag == f"{SVG}svg"
        assert "var(" not in drawn and not re.search(r"<script|url\(|@import|href", drawn)
    assert set(made) <= set(files(WHOLE))


def test_links_to_pictures_have_targets() -> None:
    for found in (WHOLE, findings(), findings(**NOTHING)):
        made = files(found)
        for path in ("paper.html", "ablations/index.html"):
            links = {v for n, v in Outline(made[path]).attributes if n == "href" and v and v[0] != "#"}
            folder = path.rpartition("/")[0]
            for link in {link.partition("#")[0] for link in links}:
                target = link.removeprefix("../") if link.startswith("../") else f"{folder}/{link}".lstrip("/")
                assert target in made, (path, link)


def test_hostile_names_stay_text_in_every_figure() -> None:
    page = {name: one | {when: {HOSTILE: next(iter(one[when].values()))} for when in ("before", "after")}
            for name, one in PAGES.items()}  # fmt: skip
    scores = [s._replace(run=HOSTILE) if s.run == "alpaca-sit" else s for s in WHOLE.scores]
    shown = Outline("".join(figures_of_ablations(WHOLE._replace(scores=scores), page)))
    assert "script" not in shown.tags and not [name for name, _ in shown.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in shown.text
    for drawn in pictures(WHOLE._replace(scores=scores)).values():
        ElementTree.fromstring(drawn)


@pytest.mark.parametrize("values", [[71.2, 91.4], [3.82, 4.74], [50.0], [], [0.0, 100.0], [34.3, 51.8], [0.2, 0.3]])
def test_an_axis_holds_its_values_between_round_ticks(values: list[float]) -> None:
    axis = axis_around(values)
    assert axis.low < axis.high and axis.ticks[0] == axis.low
    assert all(axis.low <= value <= axis.high for value in values)
    assert 1 <= len(axis.ticks) <= 7


def test_curves_have_a_dot_and_an_interval_for_each_value() -> None:
    curves = {"a": Curve(1, {2: Bar(40.0, 30.0, 50.0), 3: Bar(60.0)}), "b": Curve(2, {3: Bar(None)})}
    drawn = ElementTree.fromstring(interval_lines("t", curves, Axis(0, 100, (0, 100)), "tasks"))
    dots = [*drawn.iter(f"{SVG}circle")]
    assert len(dots) == 2 and float(dots[0].get("cy") or 0) > float(dots[1].get("cy") or 0)
    assert len([p for p in drawn.iter(f"{SVG}path") if "interval" in (p.get("class") or "")]) == 1
