"""The report reads what benchmarks declare, whatever their entries in params.yaml are called."""

from typing import Any

import pytest

from stages.evaluation.benchmarks import BENCHMARKS
from stages.reporting.findings import Findings, Score
from stages.reporting.report_page import page
from stages.reporting.run_summary import run_summary
from tests.reporting.run import findings


def renamed(old: str, new: str) -> Findings:
    """The example run, in which the entry of a benchmark has another name."""
    before = findings()

    def rename(rows: Any) -> list[Any]:
        return [row._replace(benchmark=new if row.benchmark == old else row.benchmark) for row in rows]

    return before._replace(
        scores=rename(before.scores), differences=rename(before.differences), caveats=rename(before.caveats),
        unscored=rename(before.unscored), benchmarks={**before.benchmarks, new: old},
    )  # fmt: skip


@pytest.mark.parametrize("benchmark", sorted(BENCHMARKS))
def test_the_main_measure_is_one_of_the_metrics(benchmark: str) -> None:
    declared = BENCHMARKS[benchmark]
    known = {*declared.metrics, "following", "quality"} if declared.judge else {*declared.metrics}
    known |= {"pass@1"} if "pass@k" in known else set()
    assert declared.main_measure in known
    assert not declared.sequential or known.issuperset(declared.measures_by_tasks)


def test_an_entry_by_another_name_has_the_papers_figures_beside_it() -> None:
    before, after = page(findings()), page(renamed("seqeval", "mine"))
    assert before.count("83.4 → 89.3") == after.count("83.4 → 89.3") > 0
    assert after.count("paper&#x27;s (Table 13)") == before.count("paper&#x27;s (Table 13)") > 0


def test_an_entry_by_another_name_counts_as_sequential() -> None:
    summary = run_summary(renamed("seqeval", "mine"))
    assert "mine" in summary["sequential"] and "mine" not in summary["other"]


def test_a_benchmark_without_its_main_measure_has_the_first_in_the_alphabet() -> None:
    scores = [Score("sit", "humaneval", name, 0.5, 0.4, 0.6, 9, maker="evaluate") for name in ("passed", "pass@7")]
    assert run_summary(findings()._replace(scores=scores))["other"] == {"humaneval": {"pass@7": 0.5}}
