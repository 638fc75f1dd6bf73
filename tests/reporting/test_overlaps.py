"""What the page and the card tell of overlaps and duplicates."""

import re

from stages.reporting.html import join
from stages.reporting.overlap_section import overlap_section
from stages.reporting.report_page import page
from tests.reporting.examples import record, step
from tests.reporting.run import decontaminated, findings
from tests.reporting.test_dataset import files
from tests.reporting.test_report import HOSTILE, Outline


def test_the_page_has_a_line_for_each_corpus_and_benchmark() -> None:
    shown = page(findings())
    assert 'id="overlaps"' in shown and 'href="#overlaps"' in shown
    told = Outline(str(join(overlap_section({"seed": decontaminated()}))))
    rows = re.findall(r"seed(mgsm|xquad)(exact|8-gram|13-gram)(\d{5})", told.text)
    assert rows[:3] == [("mgsm", "exact", "10112"), ("mgsm", "8-gram", "52312"), ("mgsm", "13-gram", "21212")]
    assert len(rows) == 6 and "seed64374" in told.text
    assert "which of the old bridges" in told.text


def test_a_size_that_one_benchmark_lacks_has_no_row_and_no_corpus_is_no_section() -> None:
    found = decontaminated()
    del found["overlap"]["xquad"]["8-gram"]
    shown = Outline(str(join(overlap_section({"seed": found})))).text
    assert "seedxquad8-gram" not in shown and "seedmgsm8-gram" in shown and "seedxquad13-gram" in shown
    assert overlap_section({}) == []


def test_what_a_row_says_is_no_markup() -> None:
    shown = Outline(str(join(overlap_section({HOSTILE: decontaminated(HOSTILE)}))))
    assert not shown.tags & {"script", "img", "svg"}
    assert "alert(1)" in shown.text


def checked(number: int, *actions: str) -> object:
    steps = (step("decontaminate", action, prompt="", replies=()) for action in actions)
    return record(number, *steps, step("respond", "respond"))


def test_the_card_counts_what_was_found_of_its_rows() -> None:
    rows = [checked(0, "clean"), checked(1, "overlap:mgsm:13-gram", "near-duplicate"), checked(2, "clean")]
    card = files(rows)["README.md"].decode()
    told = card.partition("## Overlap with benchmarks")[2].partition("##")[0]
    assert "2 of the 3 rows" in told
    assert "| `mgsm:13-gram` | 1 |" in told and "| `near-duplicate` | 1 |" in told


def test_a_clean_set_says_so_and_one_that_nobody_compared_says_nothing() -> None:
    assert "1 of the 1 rows here share none" in files([checked(0, "clean")])["README.md"].decode()
    assert "## Overlap" not in files([record(0, step("respond", "respond"))])["README.md"].decode()


def test_a_hostile_name_stays_code() -> None:
    card = files([checked(0, "overlap:`</table>|x\n## Owned:exact")])["README.md"].decode()
    assert "\n## Owned" not in card and "`'</table>\\|x ## Owned:exact`" in card
