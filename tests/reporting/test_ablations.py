"""A page for each ablation, reachable from the report."""

import re
from xml.etree import ElementTree

import pytest

from stages.reporting.ablation_pages import ablations, files, level
from stages.reporting.report_page import files as report
from tests.reporting.run import findings, metrics
from tests.reporting.test_report import Outline

MADE = files(ablations(metrics()))


def test_every_ablation_has_a_page_and_mixtures_have_none() -> None:
    names = {"sit-budget", "sit-pairs", "sit-split"}
    assert set(MADE) == {"ablations/index.html", *(f"ablations/{name}.html" for name in names)}
    assert {name: level(page) for name, page in ablations(metrics()).items()} == {
        "sit-budget": "budget", "sit-pairs": "pairs", "sit-split": "split"
    }  # fmt: skip


def test_the_report_leads_to_every_page_and_back() -> None:
    written = report(findings())
    assert "ablations/index.html" in {value for _, value in Outline(written["index.html"]).attributes}
    for path in MADE:
        links = {value for name, value in Outline(written[path]).attributes if name == "href"}
        back = "../index.html" if path.endswith("/index.html") else "index.html"
        inside = {link for link in links if not link.startswith(("../", "#"))}
        assert back in links and all(f"ablations/{link}" in written for link in inside)
    assert {f"ablations/{v}" for n, v in Outline(MADE["ablations/index.html"]).attributes if n == "href"} >= {
        path for path in MADE if not path.endswith("/index.html")
    }


@pytest.mark.parametrize("path", MADE)
def test_pages_need_nothing_from_elsewhere(path: str) -> None:
    shown = Outline(MADE[path])
    assert not shown.tags & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", MADE[path])
    for drawn in re.findall(r"<svg.*?</svg>", MADE[path], re.DOTALL):
        ElementTree.fromstring(drawn)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sit-budget", ["Data level", "responded/seed/2", "Kolmogorov-Smirnov, before", "source rows in both sets"]),
        ("sit-pairs", ["Instance level", "no matching has more than", "the same lengths, row by rowyes"]),
        ("sit-split", ["Task level", "single tasks", "turns", "outcomesheld40", "actionspart50"]),
    ],
)
def test_a_page_tells(name: str, told: list[str]) -> None:
    text = Outline(MADE[f"ablations/{name}.html"]).text
    assert [words for words in told if words not in text] == []
    page = ablations(metrics())[name]
    assert all(f"{arm['tokens']:,}" in text for when in ("before", "after") for arm in page[when].values())


def test_a_difference_has_the_sign_of_the_sets_it_names() -> None:
    page = ablations(metrics())["sit-budget"]
    for names in (sorted(page["after"]), sorted(page["after"], reverse=True)):
        turned = page | {"after": {name: page["after"][name] for name in names}}
        difference = page["after"][names[0]]["tokens"] - page["after"][names[1]]["tokens"]
        text = Outline(files({"x": turned})["ablations/x.html"]).text
        assert f"tokens of {names[0]} less those of {names[1]}{difference:,}" in text


def test_without_ablations_there_is_a_page_that_says_so() -> None:
    assert "No ablation was run" in Outline(files({})["ablations/index.html"]).text
