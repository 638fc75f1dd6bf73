"""The page of the paper's tables: ours in the right cells, what is missing in words, and hostile text as text."""

import re
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.core.registry import PAPER_ARMS
from stages.params import parse
from stages.reporting.findings import Findings
from stages.reporting.html import number
from stages.reporting.paper_cells import Missing, Number, PaperCells
from stages.reporting.paper_figure import our_curves, their_curves
from stages.reporting.paper_layout import NO_RUN, OurRow, body
from stages.reporting.paper_page import page
from stages.reporting.paper_plan import PaperPlan, paper_plan
from stages.reporting.paper_tables import TABLES
from stages.reporting.paper_tables.disagreements import NOTES
from stages.reporting.paper_tables.table_types import ControlledWinRate, WinRate
from stages.reporting.report_page import files
from tests.reporting.paper_run import findings, params, profile, share
from tests.reporting.run import PARAMS
from tests.reporting.run import findings as small_findings
from tests.reporting.test_report import HOSTILE, NOTHING, Outline

WHOLE = findings()
ABSENT = {"prompted-llama-7b", "alpaca-it-command-r", "alpaca-sit-command-r", "command-r", "gpt-35-turbo"}


def ours(table: int, *labels: str, of: Findings = WHOLE) -> list[OurRow]:
    rows = body(TABLES[table - 1], of, PaperCells(of))
    return next([*mine] for row, mine in rows if row.labels == labels)


def shown(row: OurRow, column: int, part: int = 0) -> float:
    filled = row.cells[column][part]
    assert isinstance(filled, Number), filled
    return round(filled.value, 6)


def test_every_number_and_note_of_the_paper_is_on_the_page() -> None:
    text = Outline(page(WHOLE)).text
    for table in TABLES:
        assert f"Table {table.number}: {table.title}" in text
        assert all(
            part.replace("-", "−") in text
            for row in table.rows
            for c in row.cells
            for p in c.printed
            if (part := p) != "-"
        )
    assert all(note in text for notes in NOTES.values() for note in notes)
    assert "Figure 2" in text


@pytest.mark.parametrize(
    ("table", "labels", "column", "part", "key"),
    [
        (1, ("SIT", "Llama-3-8B-Alpaca"), 4, 0, ("alpaca-repeat", "commonsenseqa", "both", "repeat")),
        (1, ("base, prompted", "Mistral-7B"), 0, 0, ("mistral-7b", "commonsenseqa-base", "rouge_l", "repeat")),
        (2, ("Mistral-7B", "SIT"), 4, 0, ("mistral-translate", "xquad", "accuracy", "ar")),
        (2, ("Mistral-7B", "SIT"), 11, 0, ("mistral-translate", "xquad", "following", "")),
        (3, ("SIT",), 1, 0, ("instructblip-sit", "gqa-text", "official", "caption")),
        (3, ("IT",), 0, 0, ("instructblip-it", "vqav2-text", "official", "plain")),
        (5, ("Tulu-V2", "SIT"), 0, 0, ("tulu-sit", "mmlu", "mmlu", "")),
        (5, ("Alpaca", "WizardLM"), 2, 0, ("alpaca-wizardlm", "gsm8k", "accuracy", "")),
        (5, ("Alpaca", "IT"), 3, 0, ("alpaca-it", "humaneval", "pass@10", "")),
        (7, ("Mistral-7B",), 2, 0, ("mistral-paraphrase", "commonsenseqa", "accuracy", "paraphrase")),
        (8, ("Repeat",), 2, 1, ("mistral-paraphrase", "commonsenseqa", "following", "repeat")),
        (9, ("Llama-3-8B", "FlanCoT", "SIT (automatic)"), 1, 1, ("flancot-sit", "xquad", "following", "zh")),
        (10, ("SIT", "en-CoT"), 3, 0, ("alpaca-sit", "mgsm-en", "accuracy", "de")),
        (11, ("IT", "trans-CoT"), 11, 0, ("flancot-it", "mgsm", "accuracy", "")),
        (12, ("main", "Llama-3-8B", "Tulu V2 100k", "IT"), 1, 0, ("tulu-it", "seqeval", "following", "")),
        (13, ("3", "Llama-3-8B", "Alpaca", "SIT"), 1, 0, ("alpaca-sit", "seqeval-3", "following", "")),
    ],
)  # fmt: skip
def test_a_cell_has_the_measure_of_its_run(
    table: int, labels: tuple[str, ...], column: int, part: int, key: tuple[str, ...]
) -> None:
    (row,) = ours(table, *labels)
    assert shown(row, column, part) == round(100 * share(*key), 6)
    assert f"{number(100 * share(*key))}" in Outline(page(WHOLE)).text


def test_intervals_and_marks_stand_beside_ours() -> None:
    (row,) = ours(2, "Mistral-7B", "SIT")
    filled = row.cells[0][0]
    assert isinstance(filled, Number) and filled.low is not None and filled.low < filled.value < (filled.high or 0)
    assert f"[{number(filled.low)}, {number(filled.high)}]" in Outline(page(WHOLE)).text
    (few,) = ours(9, "Llama-3-8B", "Alpaca", "IT", of=small_findings())
    marked = few.cells[0][0]
    assert isinstance(marked, Number) and marked.mark == "°"
    assert f"{number(marked.value)}°[{number(marked.low)}" in Outline(page(small_findings())).text


def test_a_change_is_the_difference_of_two_prompts() -> None:
    (row,) = ours(10, "SIT", "trans-CoT")
    change = 100 * (share("alpaca-sit", "mgsm", "accuracy", "") - share("alpaca-sit", "mgsm-en", "accuracy", ""))
    assert shown(row, 12) == round(change, 6)
    assert ours(10, "SIT", "en-CoT")[0].cells[12] == []


def test_win_rates_are_of_the_opponent_of_the_column() -> None:
    (row,) = ours(12, "main", "Llama-3-8B", "Alpaca", "SIT")
    assert shown(row, 2) == round(100 * share("seqeval-alpaca-sit"), 6)
    assert row.cells[3] == [Missing("not compared", "no entry of compare has alpaca-sit against command-r on SeqEval")]


def compared(entry: dict[str, Any], group: str, won: float = 0.7) -> PaperCells:
    judges = {"compare": {"runs": {}, "references": {}} | {group: {"x": entry}}}
    stages = {"compare": {"x": {"won": {"n": 90, "mean": won, "low": won - 0.1, "high": won + 0.2}}}}
    plan = PaperPlan({"command-r": "cmd", "alpaca-sit": "sit"}, iterations={"seqeval-2": 2})
    return PaperCells(WHOLE._replace(judges=judges, stages=stages, paper=plan))


def test_a_comparison_of_two_runs_counts_in_both_directions() -> None:
    forward = {"benchmark": "seqeval-2", "treatment": "sit", "baseline": "cmd"}
    back = {"benchmark": "seqeval-2", "treatment": "cmd", "baseline": "sit"}
    one = compared(forward, "runs").number(WinRate("command-r", 2), "sit")
    other = compared(back, "runs").number(WinRate("command-r", 2), "sit")
    assert isinstance(one, Number) and isinstance(other, Number)
    assert [round(v or 0, 6) for v in one[:3]] == [70, 60, 90] and [round(v or 0, 6) for v in other[:3]] == [30, 10, 40]
    assert isinstance(compared(forward, "runs").number(WinRate("command-r"), "sit"), Missing)
    assert isinstance(compared(forward, "runs").number(WinRate("gpt-35-turbo", 2), "sit"), Missing)


@pytest.mark.parametrize(
    ("outputs", "arm"),
    [
        ("data/downloads/seqeval_gpt-3.5-turbo.json", "gpt-35-turbo"),
        ("x/Command-R.json", "command-r"),
        ("x/y.json", ""),
    ],
)
def test_the_name_of_a_file_of_outputs_says_whose_they_are(outputs: str, arm: str) -> None:
    entry = {"benchmark": "seqeval-2", "treatment": "sit", "outputs": outputs}
    known = {
        one for one in ("gpt-35-turbo", "command-r")
        if isinstance(compared(entry, "references").number(WinRate(one, 2), "sit"), Number)
    }  # fmt: skip
    assert known == ({arm} if arm else set())


def test_the_length_controlled_rate_has_an_interval_from_its_standard_error() -> None:
    rate = PaperCells(WHOLE).number(ControlledWinRate(), "alpaca-sit")
    assert isinstance(rate, Number) and (rate.value, rate.low, rate.high) == (10.25, 10.25 - 1.96, 10.25 + 1.96)
    left_out = WHOLE._replace(stages={"win_rate": {"alpaca_eval-alpaca-sit": {"left_out": "two files are missing"}}})
    assert PaperCells(left_out).number(ControlledWinRate(), "alpaca-sit") == Missing(
        "not estimated", "two files are missing"
    )


def test_rounds_of_a_corpus_stand_below_the_paper_s_of_its_format() -> None:
    (row,) = ours(4, "FlanCoT", "1")
    assert row.title == "flancot, round 1"
    assert [shown(row, column) for column in range(6)] == [21.0, 300.5, 10, 40, 30, 20]
    (small,) = ours(4, "Alpaca", "2", of=small_findings())
    assert small.title == "seed, round 2"
    (absent,) = ours(4, "Tulu-V2", "0", of=small_findings())
    assert not absent.cells and "no corpus in the format of Tulu-V2" in absent.absent


def test_it_without_and_with_regenerated_responses_are_two_rows_of_table_9() -> None:
    assert [row.title for row in ours(9, "Llama-3-8B", "Alpaca", "IT")] == ["alpaca-plain", "alpaca-it"]


def test_the_profile_has_a_run_for_every_model_but_these() -> None:
    plan = paper_plan(params())
    assert plan.declared and set(plan.runs) | ABSENT == set(PAPER_ARMS) and not set(plan.runs) & ABSENT
    assert set(plan.runs.values()) <= set(profile().runs)
    for arm, run in plan.runs.items():
        base, words = PAPER_ARMS[arm].partition(",")[0], plan.stand_ins[run].model.casefold().replace("-hf", "")
        family = base.casefold().removesuffix("-vicuna-7b").replace("×", "x")
        assert family.replace("llama-3", "meta-llama-3") in words, (arm, words)


def test_what_stands_for_what_follows_from_what_runs_read() -> None:
    derived = paper_plan(params(paper={}))
    assert not derived.declared
    for arm in ("it", "sit", "wizardlm", "sit-budget", "sit-pairs", "it-pairs", "sit-split", "sit-multi"):
        assert derived.runs[f"alpaca-{arm}"] == f"alpaca-{arm}"
    assert derived.runs["alpaca-translate"] == "alpaca-translate" and derived.runs["vqa-sit"] == "instructblip-sit"
    assert derived.iterations == {f"seqeval-{n}": n for n in (1, 2, 3, 4)}
    assert derived.seed_data == {"alpaca": "Alpaca", "flancot": "FlanCoT", "tulu": "Tulu-V2", "metamath": "MetaMath"}
    assert paper_plan(PARAMS).runs == {"alpaca-it": "it", "alpaca-sit": "sit"}


@pytest.mark.parametrize(
    ("paper", "message"),
    [
        ({"alpaca-sitt": "alpaca-sit"}, "unknown model of the paper 'alpaca-sitt'; did you mean 'alpaca-sit'"),
        ({"alpaca-sit": "alpaca-sitt"}, "report.paper.alpaca-sit: "),
    ],
)
def test_a_wrong_name_in_params_is_one_line_with_a_remedy(paper: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as error:
        parse(params(paper=paper))
    assert message in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_row_without_a_run_is_shown_as_missing() -> None:
    found = findings(paper={"alpaca-sit": "alpaca-sit"})
    text = Outline(page(found)).text
    for table in TABLES:
        for row, mine in body(table, found, PaperCells(found)):
            assert mine, f"Table {table.number}: {row.labels} has nothing below it"
    assert f"Ours: {NO_RUN}: no run stands for Llama-3-8B, IT on FlanCoT (report.paper: flancot-it)" in text
    assert "46 of the paper's 47 models have no run here" in text
    assert all(f"Table {table.number}: {table.title}" in text for table in TABLES)


def test_a_missing_benchmark_language_and_evaluation_is_told_in_words() -> None:
    small = small_findings()
    text = Outline(page(small)).text
    assert "no entry of ingest.benchmarks is mgsm-en" in text
    assert "sit has no scores on humaneval" in text
    assert "xquad of sit has no language ar apart" in text
    assert "report.paper of params.yaml is empty" in text and "report.paper of params.yaml is empty" not in page(WHOLE)


def test_nothing_at_all_is_a_page_with_all_tables_too() -> None:
    text = Outline(page(small_findings(**NOTHING))).text
    assert all(f"Table {table.number}: {table.title}" in text for table in TABLES)


def test_figure_2_has_the_paper_s_curves_and_ours() -> None:
    theirs = their_curves(1)
    assert [*theirs] == ["Cmd-R", "GPT-3.5", "WizardLM", "IT", "SIT"]
    assert all([*curve.points] == [2, 3, 4, 5] for curve in theirs.values())
    assert [bar.value for bar in theirs["SIT"].points.values()] == [88.3, 89.9, 89.1, 88.6]
    assert set(their_curves(2)) == {"Cmd-R", "WizardLM", "IT", "SIT"}
    mine = our_curves(WHOLE, PaperCells(WHOLE), 1)
    assert set(mine) == {"WizardLM", "IT", "SIT"}
    expected = [100 * share("alpaca-it", f"seqeval-{i}", "following", "") for i in (1, 2, 3, 4)]
    assert [bar.value for bar in mine["IT"].points.values()] == pytest.approx(expected)
    assert "Missing of ours: Cmd-R, GPT-3.5." in Outline(page(WHOLE)).text


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    shown_page = Outline(page(WHOLE))
    assert not shown_page.tags & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page(WHOLE))
    links = {value for name, value in shown_page.attributes if name == "href" and value}
    made = files(WHOLE)
    assert {link[1:] for link in links if link[0] == "#"} <= {
        value for name, value in shown_page.attributes if name == "id"
    }
    assert all(link in made for link in links if link[0] != "#")
    assert "paper.html" in {value for _, value in Outline(made["index.html"]).attributes}


def test_hostile_text_stays_text() -> None:
    def plan(run: str) -> PaperPlan:
        return WHOLE.paper._replace(
            runs={"alpaca-it": run, "mistral-plain": run},
            stand_ins={run: WHOLE.paper.stand_ins["alpaca-it"]._replace(model=run, rows=run)},
        )

    left_out = {"win_rate": {"alpaca_eval-alpaca-it": {"left_out": HOSTILE}}}
    judges = {
        "compare": {"references": {"alpaca_eval-alpaca-it": {"benchmark": "alpaca_eval", "treatment": HOSTILE}}},
        "win_rate": {"alpaca_eval-alpaca-it": {"annotations": "data/compared/alpaca_eval-alpaca-it.annotations.json"}},
    }
    hostile = Outline(page(WHOLE._replace(paper=plan(HOSTILE), stages=left_out, judges=judges)))
    clean = Outline(page(WHOLE._replace(paper=plan("tame"), stages=left_out, judges=judges)))
    assert hostile.tags == clean.tags
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    assert hostile.text.count("<script>alert(1)</script>") > 3
    assert "\u202e" not in hostile.text and "\x00" not in hostile.text


def test_the_same_run_gives_the_same_bytes() -> None:
    assert page(WHOLE) == page(findings())
