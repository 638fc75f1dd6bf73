"""The pages in a real browser: filters work from the file system, and no hostile text becomes markup or runs."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stages.reporting.report_page import files
from tests.reporting.case_runs import case_sets
from tests.reporting.hostile_names import hostile_findings
from tests.reporting.run import findings


class Parsed(HTMLParser):
    """Elements with their attributes, the title, and the text outside scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[str]]] = []
        self.title, self.text = "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, [name for name, _ in attributes]))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "title":
            self.title = self.title or data
        if self.cdata_elem is None:
            self.text += data


BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="no Chromium on the PATH")]


def opened(folder: Path, text: str, filters: str = "") -> str:
    """The document after its scripts have run."""
    page = folder / "page.html"
    page.write_text(text, encoding="utf-8")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
               "--virtual-time-budget=3000", "--dump-dom", f"{page.as_uri()}#{filters}"]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("name", ["index.html", "answers.html", "rows.html"])
@pytest.mark.parametrize("policy", [True, False])
def test_hostile_text_is_text(tmp_path: Path, name: str, policy: bool) -> None:
    """Also without the policy, which would stop what escaping had let through."""
    source = files(hostile_findings())[name]
    shown = opened(tmp_path, source if policy else POLICY.sub("", source), "order=all")
    made = Parsed(shown)
    tags = [tag for tag, _ in made.elements]
    assert made.title.startswith("seqit") and "owned" not in made.title
    assert "img" not in tags and tags.count("script") == (0 if name == "index.html" else 2)
    assert not [a for _, attributes in made.elements for a in attributes if a.startswith("on")]
    assert "<img src=x onerror=" in made.text and (name == "index.html" or 'class="item"' in shown)


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ("", 5), ("order=gain", 2), ("order=loss", 1), ("second-outcome=right", 3), ("second-outcome=not", 2),
        ("first-outcome=partly", 1), ("second-outcome=wrong&first-outcome=right", 1), ("tasks=3", 2),
        ("text=answer+2+of+sit", 1), ("first=sit&second=it&order=gain", 1), ("group=group+1", 2),
        ("benchmark=seqeval&language=en", 5), ("second-outcome=truncated", 0), ("measure=other&order=gain", 2),
    ],
)  # fmt: skip
def test_filters(tmp_path: Path, filters: str, matches: int) -> None:
    values: dict[str, list[float | None]] = {"it": [0.0, 1.0, 0.5, 0.0, 1.0], "sit": [1.0, 0.0, 1.0, 0.0, 1.0]}
    shown = opened(tmp_path, files(findings(cases=case_sets(values)))["answers.html"], filters)
    assert f">{matches} match, page 1 of 1<" in shown
    assert shown.count('class="item"') == matches


def test_rows_by_action_and_change(tmp_path: Path) -> None:
    source = files(findings())["rows.html"]
    assert ">2 match, page 1 of 1<" in opened(tmp_path, source, "actions=suffix")
    assert ">0 match, page 1 of 1<" in opened(tmp_path, source, "changed=false")
    assert "<mark>sort.</mark>" in opened(tmp_path, source)
