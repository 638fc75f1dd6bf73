"""The table of results, its doubts, and the judges' section."""

from typing import Any

import pytest
from msgspec import structs

from stages.evaluation.benchmarks.questions import MAX_UNSCORED, Score
from stages.reporting.caveats import MEANINGS, MISSING, Caveat, blind, caveats
from stages.reporting.findings import caveats_of
from stages.reporting.judge_section import judge_section
from stages.reporting.report_page import figures, page, picture
from stages.reporting.results import believable, results
from stages.reporting.score_section import score_charts
from tests.reporting.run import findings, metrics


def score(i: int, value: float, judge: str = "") -> Score:
    return Score(f"{i}", f"{i}", str(i), "it", "en", "", 2, "ok", {"following": value}, judge=judge)


def document(n: int, scored: int | None = None, **more: Any) -> dict[str, Any]:
    count = n if scored is None else scored
    return {"n": n, "scored": count, "following": {"mean": 0.5, "low": 0.4, "high": 0.6, "n": count}, **more}


MIXED = [score(i, float(i % 2), "j") for i in range(40)]
CASES: list[tuple[dict[str, Any], list[Score], set[str]]] = [
    (document(40), MIXED, set()),
    (document(12), MIXED[:12], {"few"}),
    # Four languages of ten questions are ten questions.
    (document(40), [structs.replace(row, item=str(i // 4)) for i, row in enumerate(MIXED)], {"few"}),
    (document(40), [score(i, 1.0, "j") for i in range(40)], {"one verdict"}),
    (document(40), [score(i, float(i > 0), "j") for i in range(40)], {"one verdict"}),
    (document(40), [score(i, float(i > 4), "j") for i in range(40)], set()),
    (document(40), [score(i, 1.0) for i in range(40)], set()),  # a rule may find everything right
    (document(40), [score(i, 0.0) for i in range(40)], {"floor"}),
    (document(50, 40), MIXED, {"unscored"}),
    (document(40, control={"difference": 0.2, "low": -0.1, "high": 0.4}), MIXED, {"blind judge"}),
    (document(40, control={"difference": 0.5, "low": 0.3, "high": 0.7}), MIXED, set()),
]


@pytest.mark.parametrize(("summary", "rows", "kinds"), CASES)
def test_doubts(summary: dict[str, Any], rows: list[Score], kinds: set[str]) -> None:
    found = caveats({"it/seqeval": summary}, {"it/seqeval": rows})
    assert {caveat.kind for caveat in found} == kinds <= set(MEANINGS)
    assert {(caveat.benchmark, caveat.measure) for caveat in found} <= {("seqeval", "following")}


@pytest.mark.parametrize(
    ("control", "is_blind"),
    [
        (None, False),  # not asked for
        ({"mean": 0.9, "low": 0.6, "high": 1.0}, False),
        ({"mean": 0.7, "low": 0.5, "high": 0.9}, True),
        ({"mean": 0.1, "low": 0.0, "high": 0.3}, True),
    ],
)
def test_blind(control: dict[str, float] | None, is_blind: bool) -> None:
    assert blind(control) is is_blind


def test_one_row_a_measure_with_the_difference_and_its_doubts() -> None:
    found = findings()
    shown = "".join(results(found))
    whole = [score for score in found.scores if not score.group]
    keys = {(s.benchmark, s.measure) for s in whole}
    tables = shown.count("<table>")
    assert shown.count("<tr>") == tables + len(keys) and tables == len(believable(whole, found))
    assert ("seqeval by task", "done") in keys and "sit − it" in shown
    assert "data/metrics/judge_tasks/" in shown and "few" in caveats_of(found, "seqeval", "quality")
    assert all(d.low <= d.value <= d.high for d in found.differences)


def unreadable(*runs: str) -> dict[str, dict[str, Any]]:
    """SeqEval by a judge of which nothing could be read, for these runs; the others are as ever."""
    missing = {"n": 24, "scored": 0, "statuses": {"ok": 24}, "unscored": {"judge-unparsed": 23, "judge-failed": 1}}
    return {f"{run}/seqeval": missing if run in runs else document(24) for run in ("it", "sit")}


def test_a_chart_marks_what_is_doubtful() -> None:
    found = findings()
    sure = [Caveat("seqeval", "following", kind) for kind in ("few", "one verdict")]
    (first, *_) = score_charts(found._replace(caveats=sure))
    assert first.count("following †°</") == 1
    few = [Caveat("seqeval", "following", "few")]
    assert "Scores by run, % (° fewer than 30 questions)" in picture(found._replace(caveats=few))
    title = "Scores by run, % (° fewer than 30 questions, † doubtful, the report says why)"
    assert title in picture(found._replace(caveats=sure))
    assert "°" not in picture(found._replace(caveats=[])) and "†" not in picture(found._replace(caveats=[]))


def test_a_judge_that_can_not_be_read_is_told_where_no_row_is_left() -> None:
    found = findings(evaluated=unreadable("it", "sit"))
    shown = "".join(results(found))
    assert "it on seqeval: 24 of 24 unscored (judge-failed 1, judge-unparsed 23)" in shown
    assert 'class="warn">Too few scored' in shown
    tiles = page(found).partition('class="tiles"')[2].partition("<h2")[0]
    assert "<b>0 of 24</b><span>answers of it to seqeval have a score" in tiles


def test_a_page_where_nothing_at_all_has_a_score_says_so() -> None:
    nothing = unreadable("it", "sit")
    assert "24 of 24" in "".join(results(findings(evaluated=nothing, metrics={stage: {} for stage in metrics()})))


@pytest.mark.parametrize("agreement", [{}, {"following": None}])
def test_a_second_judge_that_can_not_be_read_has_a_row_all_the_same(agreement: dict[str, None]) -> None:
    review = {"n": 24, "scored": 0, "agreement": agreement}
    shown = "".join(judge_section(findings(metrics=metrics() | {"judge_agreement": {"seqeval-sit": review}})))
    told = shown.partition("Two judges")[2]
    assert '<td class="name">sit</td><td class="name">–</td><td class="num">0</td>' in told


def test_the_page_and_the_stages_warn_from_the_same_share_of_answers() -> None:
    """Rooms beside each other know nothing of one another, so each has its own."""
    assert MISSING == MAX_UNSCORED


def test_few_without_a_score_are_told_without_a_warning() -> None:
    shown = "".join(results(findings(evaluated={"it/seqeval": document(40, 38, unscored={"answer-refused": 2})})))
    assert "Also without a score: it on seqeval: 2 of 40 unscored (answer-refused 2)" in shown
    assert "Too few scored" not in shown


def test_results_come_first() -> None:
    shown = page(findings())
    places = [shown.index(f'id="{target}"') for target in ("results", "run", "data", "scores", "judges", "counts")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "told",
    ["Pairwise (Tables 5 and 12)", "Task by task", "Two judges", "orders agree %", "place of the task in the chain"],
)
def test_what_the_judges_say(told: str) -> None:
    assert told in "".join(judge_section(findings()))


def test_a_control_that_failed_is_marked() -> None:
    assert 'class="warn"' in "".join(judge_section(findings()))


def test_alpaca_eval_without_its_estimator_is_said_to_be_left_out() -> None:
    found = findings()
    asked = dict(found.judges["compare"]["runs"]["seqeval-it-sit"], benchmark="alpaca_eval")
    judges = {**found.judges, "compare": {"runs": {"seqeval-it-sit": asked}}}
    assert "left out" in "".join(judge_section(found._replace(judges=judges)))
    assert "left out" not in "".join(judge_section(found))
    stages = {**found.stages, "win_rate": {"a": {"n": 805, "win_rate": 2.591, "length_controlled_winrate": 5.875}}}
    shown = "".join(judge_section(found._replace(judges=judges, stages=stages)))
    assert "2.59" in shown and "5.88" in shown


def test_nothing_judged() -> None:
    empty: dict[str, Any] = {stage: {} for stage in metrics()}
    assert judge_section(findings(metrics=empty)) == []


def test_figures_hold_the_judges_means() -> None:
    found = figures(findings())
    assert set(found["judges"]) == {"compare", "judge_tasks", "judge_agreement"}
    assert 0 <= found["judges"]["compare"]["seqeval-it-sit"]["win"] <= 1


def test_controls_count_nowhere_in_the_differences() -> None:
    found = next(d for d in findings().differences if (d.benchmark, d.measure) == ("seqeval by task", "done"))
    assert found.questions == 20
