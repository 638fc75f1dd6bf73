"""Table 3 on the page: ours by run and way of asking, the paper's beside it."""

import re

from stages.reporting.findings import Score
from stages.reporting.report_page import page
from stages.reporting.results import results
from stages.reporting.vqa_section import vqa_section
from tests.reporting.run import findings


def score(run: str, benchmark: str, measure: str, value: float, group: str = "") -> Score:
    return Score(run, benchmark, measure, value, value - 0.1, value + 0.1, 12, group, "evaluate")


SCORES = [
    score(run, benchmark, measure, value, group)
    for run, value in (("it", 0.25), ("sit", 0.5))
    for benchmark in ("vqav2", "gqa")
    for group in ("", "group:plain", "group:caption")
    for measure in ("official", "following")
    if measure == "official" or group != "group:plain"
]


def rows(text: str) -> list[list[str]]:
    lines = re.findall(r"<tr>(.*?)</tr>", text, re.S)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line)] for line in lines]


def test_ours_by_way_of_asking_and_the_papers_beside_it() -> None:
    (_, table) = vqa_section(findings()._replace(scores=SCORES))
    found = rows(str(table))
    assert found[0] == ["run", "asked to", "measure", "vqav2", "gqa"]
    assert ["sit", "describe, then answer", "official", "50.0° [40.0, 60.0]", "50.0° [40.0, 60.0]"] in found
    assert ["it", "answer", "official", "25.0° [15.0, 35.0]", "25.0° [15.0, 35.0]"] in found
    assert [row[-2:] for row in found[-3:]] == [["60.7", "46.8"], ["61.3", "47.0"], ["63.4", "48.9"]]
    assert not any(row[:3] == ["it", "answer", "following"] for row in found)


def test_a_run_without_such_questions_has_no_such_table() -> None:
    assert vqa_section(findings()) == []
    assert "Questions about pictures" not in page(findings())


def test_a_benchmark_that_only_one_run_answered_leaves_the_others_blank() -> None:
    some = [s for s in SCORES if (s.run, s.benchmark) != ("it", "gqa")]
    (_, table) = vqa_section(findings()._replace(scores=some))
    assert ["it", "answer", "official", "25.0° [15.0, 35.0]"] in [row[:4] for row in rows(str(table))]


def test_the_table_of_results_has_the_papers_figures() -> None:
    told = "".join(map(str, results(findings()._replace(scores=SCORES))))
    assert "61.3 → 63.4" in told and "47.0 → 48.9" in told
