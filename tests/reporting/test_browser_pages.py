"""The pages to look through answers and rows: hostile texts are data, no other script can run, and pages stay small."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.reporting.browser_pages import BUDGET, answers_page, rows_page
from stages.reporting.browser_scripts import ANSWERS, COMMON, ROWS
from stages.reporting.html import json_text
from stages.reporting.report_page import files, page
from tests.reporting.case_runs import case_sets
from tests.reporting.hostile_names import HOSTILE, LONG, hostile_findings
from tests.reporting.run import findings

PAGES = ("answers.html", "rows.html")


class Parsed(HTMLParser):
    """Elements with their attributes, the texts of scripts and styles, and what the policy says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()
        metas = [attributes for tag, attributes in self.elements if tag == "meta"]
        self.policy = next(m["content"] or "" for m in metas if m.get("http-equiv") == "Content-Security-Policy")

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem in self.raw:
            self.raw[self.cdata_elem][-1] += data


def hash_of(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_stays_in_the_data(name: str) -> None:
    clean, hostile = Parsed(files(findings(cases=case_sets({"it": [0.0], "sit": [1.0]})))[name]), Parsed(
        files(hostile_findings())[name]
    )  # fmt: skip
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in clean.elements]
    assert not [a for _, attributes in hostile.elements for a in attributes if a.startswith("on") or a == "style"]
    data, script = hostile.raw["script"]
    assert script in (COMMON + ANSWERS, COMMON + ROWS)
    assert not re.search(r"[<>&\x00\u202e\u2028]", data)
    texts = json.dumps(json.loads(data), ensure_ascii=False)
    assert "<img src=x onerror=" in texts and "</script>" in texts and "\ufffdgnp.exe" in texts


@pytest.mark.parametrize("name", ["index.html", *PAGES])
def test_the_policy_allows_our_style_and_script_and_nothing_else(name: str) -> None:
    shown = Parsed(files(hostile_findings())[name])
    rules = dict(rule.strip().partition(" ")[::2] for rule in shown.policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["style-src"] == hash_of(shown.raw["style"][0])
    scripts = [hash_of(text) for text in shown.raw["script"][1:]]
    assert rules.get("script-src", "") == " ".join(scripts) and len(shown.raw["style"]) == 1
    assert ("require-trusted-types-for" in rules) == (name in PAGES) and "unsafe" not in shown.policy


def test_scripts_never_make_markup_and_reach_nothing() -> None:
    for script in (COMMON, ANSWERS, ROWS):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|eval|Function\(|setAttribute|fetch|"
            r"XMLHttp|import|\.src\b|\.href\b|cookie|localStorage",
            script,
        )
        assert "</" not in script and "<!--" not in script


def test_hostile_names_are_text_on_the_report() -> None:
    made = hostile_findings()
    assert made.baseline.endswith(HOSTILE) and any(HOSTILE in score.group for score in made.scores) is False
    for text in (page(made), *(text for path, text in files(made).items() if path.endswith(".html"))):
        text.encode()
        shown = Parsed(text)
        tags = {tag for tag, _ in shown.elements}
        assert not tags & {"img", "iframe", "object", "embed", "base", "form", "link"}
        assert not [a for _, attributes in shown.elements for a in attributes if a.startswith("on") or a == "style"]


def test_long_names_are_in_boxes_that_break_them() -> None:
    shown = page(hostile_findings("", f"-{LONG}"))
    cells = re.findall(r"<t[dh][^>]*>(?:<span[^>]*>)?([^<]*)", shown)
    assert not [text for text in cells if LONG in text and f'class="long" title="{text}"' not in shown]
    for text in re.findall(r"<text[^>]*>(?:<title>[^<]*</title>)?([^<]*)</text>", shown):
        assert len(text) <= 130


@given(
    st.recursive(
        st.text() | st.floats(allow_nan=False) | st.none(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_json_in_a_script_has_nothing_that_ends_it(value: object) -> None:
    text = json_text(value)
    assert not re.search(r"[<>&\u2028\u2029\x00-\x08\u202a-\u202e\ud800-\udfff]", text)
    json.loads(text)
    text.encode()


def test_a_page_is_capped_and_says_so() -> None:
    many = findings(cases=case_sets({"it": [0.0] * 60, "sit": [1.0] * 60}))
    whole, part = answers_page(many), answers_page(many, 9_000)
    data = json.loads(Parsed(part).raw["script"][0])
    assert "All 60 questions." in whole and len(json.loads(Parsed(whole).raw["script"][0])["cases"]) == 60
    shown = len(data["cases"])
    assert 0 < shown < 60 and f"{shown} of 60 questions, drawn by the seed of the run." in part
    assert data["benchmarks"]["seqeval"]["shown"] == shown and len(part) - len(answers_page(many, 0)) <= 9_500
    assert "0 of 5 rows, drawn" in rows_page(many, 0) and "All 5 rows." in rows_page(many)
    assert BUDGET + 100_000 < 5_000_000


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    made = answers_page(findings(cases=case_sets({"it": [0.0], "sit": [1.0]}, "x" * 5000)))
    (case,) = json.loads(Parsed(made).raw["script"][0])["cases"]
    assert case["a"]["it"]["x"].endswith("more characters)") and len(case["a"]["it"]["x"]) < 4100


def test_a_run_without_answers_has_pages_that_say_so() -> None:
    assert "This run has no questions to show." in answers_page(findings())
    assert "This run has no rows to show." in rows_page(findings(before=[], after=[]))
