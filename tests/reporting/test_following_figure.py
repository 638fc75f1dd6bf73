"""The figure of the README: every run is drawn with intervals, nothing collides, librsvg and PDF show it as well."""

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stages.reporting.findings import Findings
from stages.reporting.picture import figure_lines, picture
from tests.reporting.run import findings as other_findings
from tests.reporting.verified_runs import LENGTHS, findings

SVG = "{http://www.w3.org/2000/svg}"
LONG = {"it": "an-experiment-whose-name-somebody-has-made-" + "x" * 57, "sit": "s" * 100}


def boxes(drawn: str) -> list[tuple[str, float, float, float, float]]:
    """Every text with an estimate of its box: left, right, top, bottom, in the units of the innermost drawing."""
    result = []

    def visit(node: ElementTree.Element, x: float, y: float) -> None:
        if moved := re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", node.get("transform", "")):
            x, y = x + float(moved[1]), y + float(moved[2])
        if node.tag == f"{SVG}text":
            size = 19.0 if node.get("class") == "h" else 12.0
            content = "".join(node.itertext()).removeprefix(node.findtext(f"{SVG}title") or "")
            width = 0.56 * size * len(content)
            left = (
                x
                + float(node.get("x", 0))
                - {"start": 0.0, "middle": 0.5, "end": 1.0}[node.get("text-anchor", "start")] * width
            )
            top = y + float(node.get("y", 0)) - 0.75 * size
            result.append((content, left, left + width, top, top + size))
        for child in node:
            visit(child, x, y)

    visit(ElementTree.fromstring(drawn), 0.0, 0.0)
    return result


@pytest.mark.parametrize("names", [{}, LONG], ids=["short", "long"])
@pytest.mark.parametrize("each", [5, 100])
def test_no_text_covers_another_or_leaves_the_picture(names: dict[str, str], each: int) -> None:
    texts = boxes(picture(findings(each=each, names=names)))
    assert len(texts) > 60
    assert all(left >= 0 and right <= 970 for _, left, right, _, _ in texts)
    for one, other in combinations(texts, 2):
        apart = one[2] <= other[1] or other[2] <= one[1] or one[4] <= other[3] or other[4] <= one[3]
        assert apart, (one, other)


def test_every_run_has_its_values_and_intervals_in_both_panels() -> None:
    found = findings()
    lines = figure_lines(found, "verified")
    assert [line.name for line in lines] == ["base", "it", "sit", "sit-pairs (length-matched)", "it-pairs"]
    assert all([point.tasks for point in panel] == [*LENGTHS] for line in lines for panel in line.panels)
    drawn = picture(found)
    assert drawn.count('class="interval') == 2 * len(lines) * len(LENGTHS)
    assert drawn.count("<polyline") == 2 * len(lines)
    assert drawn.count('class="ground"') == 2 * 3 and "shaded: lengths trained on" in drawn


def test_several_training_seeds_are_one_line_over_all_of_them() -> None:
    found = findings(runs=("it", "it-2", "sit", "sit-2"))
    lines = figure_lines(found, "verified")
    assert [line.name for line in lines] == ["it, 2 seeds", "sit, 2 seeds"]
    single = {
        s.run: s.value
        for s in found.scores
        if (s.group, s.measure, s.benchmark) == ("tasks:3", "following", "verified")
    }
    three = next(point for point in lines[1].panels[0] if point.tasks == 3)
    assert three.bar.value == pytest.approx(50 * (single["sit"] + single["sit-2"]))
    assert "100 questions a length" in picture(found)


def test_a_long_name_is_cut_and_its_whole_is_the_tooltip() -> None:
    drawn = picture(findings(names=LONG))
    assert f"<title>{LONG['sit']}</title>{'s' * 25}…" in drawn


def test_scarce_numbers_carry_their_mark() -> None:
    values = re.findall(r'class="v">(\d+\.\d°?)<', picture(findings(each=5)))
    assert values and all(value.endswith("°") for value in values)
    assert "fewer than 30 questions" in picture(findings(each=5))
    assert "°" not in picture(findings(each=40))


@pytest.mark.parametrize("found", [findings(), other_findings()], ids=["verified", "without"])
def test_colours_are_literal_and_the_picture_has_a_size(found: Findings) -> None:
    drawn = picture(found)
    assert "var(" not in drawn and not re.search(r"url\(|@import|<script", drawn)
    root = ElementTree.fromstring(drawn)
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


@pytest.mark.skipif(not shutil.which("rsvg-convert"), reason="needs rsvg-convert")
def test_librsvg_draws_it_in_colours(tmp_path: Path) -> None:
    from PIL import Image

    source, made = tmp_path / "picture.svg", tmp_path / "picture.png"
    source.write_text(picture(findings()))
    subprocess.run(["rsvg-convert", source, "-o", made], check=True)
    subprocess.run(["rsvg-convert", "-f", "pdf", source, "-o", tmp_path / "picture.pdf"], check=True)
    colours = Image.open(made).convert("RGB").getcolors(1 << 24) or []
    pixels = sum(count for count, _ in colours)
    white = sum(count for count, colour in colours if min(colour) > 240)
    assert white > 0.6 * pixels and len(colours) > 100
    assert (tmp_path / "picture.pdf").read_bytes().startswith(b"%PDF")
