"""The first screen: the claim, its picture and its doubts; then results by what can be believed."""

import html
import re
from typing import Any

import pytest

from stages.reporting.caveats import MEANINGS, Caveat
from stages.reporting.findings import Findings
from stages.reporting.model_section import only_run
from stages.reporting.opening import doubts, first_screen, picture_of_claim
from stages.reporting.report_page import page
from stages.reporting.results import MOST_ROWS, SERIOUS, believable, results
from stages.reporting.training_section import loss_remark, training_section
from tests.reporting import verified_runs
from tests.reporting.hostile_names import LONG, hostile_findings
from tests.reporting.run import PARAMS, findings


def shown(parts: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", "".join(map(str, parts))))


def test_the_page_opens_with_the_claim_its_picture_and_its_doubts() -> None:
    text = page(verified_runs.findings())
    places = [text.index(part) for part in ("Does training on sequences help?", "<svg", 'id="doubts"', "<nav")]
    assert places == sorted(places) and text.count("Does training on sequences help?") == 1
    assert "sit attempts every task more often than it: " in shown([text])
    order = ("results", "chains", "answers", "details", "run", "scores", "counts")
    whole = page(hostile_findings("", ""))
    targets = [whole.index(f'id="{name}"') for name in order]
    assert targets == sorted(targets)


def test_what_people_look_up_is_folded() -> None:
    text = page(findings())
    after = text[text.index('id="details"') :]
    for name in ("run", "data", "training", "scores", "judges", "overlaps", "counts"):
        assert re.search(rf'<details class="fold"><summary><h2 id="{name}">', after), name


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"skill": {"smollm2": 0.8, "it": 0.5}}, "The untuned model attempts every task in"),
        (
            {"skill": {"smollm2": 0.99, "sit": 0.9}},
            "With 1, 2, 3, 4, 5, 6 tasks the untuned model does no worse than sit.",
        ),
        ({"each": 8}, "questions: the interval is wide."),
        ({}, "One training seed each"),
    ],
)
def test_doubts_about_the_claim(changes: dict[str, Any], doubt: str) -> None:
    assert doubt in shown(doubts(verified_runs.findings(**changes)))


def test_a_sound_claim_has_no_such_doubt() -> None:
    text = shown(doubts(verified_runs.findings(runs=("smollm2", "it", "it-2", "sit", "sit-2"), skill={"smollm2": 0.2})))
    assert "untuned model" not in text and "One training seed" not in text


@pytest.mark.parametrize(
    ("losses", "remark"),
    [
        ([3, 2, 1.5, 1.2, 1.0], ""), ([1.0, 1.5, 2.0, 2.5, 3.0], "ends above where it began (1.00 → 3.00)"),
        ([3, 1, 1, 1.2, 1.5], "rises at the end (1.00 → 1.50)"), ([3, 1, 1, 1.01, 1.02], ""), ([2.0], ""), ([], ""),
        ([3, float("nan"), 1, 1, 1], "has steps whose loss is not a number"),
        ([3, 2.9, 2, 2.4, 1.9, 1.4, 1.6, 1.2, 1.3, 1.0], ""),  # a single step up is no rise
    ],
)  # fmt: skip
def test_a_loss_that_rises_is_remarked_upon(losses: list[float], remark: str) -> None:
    log = [(float(step), float(loss)) for step, loss in enumerate(losses, 1)]
    assert loss_remark(log) == remark
    found = findings()._replace(losses={"it": log})
    assert (f"the training loss {remark}" in shown(training_section(found))) == bool(remark)
    assert (f"Training: the loss of it {remark}." in shown(doubts(found))) == bool(remark)


def ended(**truncated: int) -> dict[str, dict[str, Any]]:
    """SeqEval by run, of 24 answers each, so many of them cut off."""
    estimate = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 24}
    return {
        f"{run}/seqeval": {
            "n": 24, "scored": 24, "following": estimate, "statuses": {"ok": 24 - count, "truncated": count}
        }
        for run, count in truncated.items()
    }  # fmt: skip


def test_answers_that_were_cut_off_are_told() -> None:
    found = findings(evaluated=ended(it=1, sit=16))
    limit = PARAMS["predict"]["benchmarks"]["seqeval"]["sampling"]["max_tokens"]
    assert f"Cut off at the token limit: seqeval (limit of {limit:,} tokens): sit 16 of 24." in shown(results(found))
    assert "Answers are cut off at the token limit: seqeval up to 67% (sit)." in shown(doubts(found))
    assert "token limit" not in shown(
        [*results(findings(evaluated=ended(it=1))), *doubts(findings(evaluated=ended(it=1)))]
    )


def test_runs_with_different_numbers_of_answers_show_both() -> None:
    few = ended(it=0, sit=0)
    few["it/seqeval"]["following"] = few["it/seqeval"]["following"] | {"n": 18}
    assert "18 to 24" in shown(results(findings(evaluated=few)))
    assert "18 to 24" not in shown(results(findings(evaluated=ended(it=0, sit=0))))


def test_results_are_grouped_by_what_can_be_believed() -> None:
    found = verified_runs.findings()
    whole = [score for score in found.scores if not score.group]
    groups = {group.title: group for group in believable(whole, found)}
    assert set(groups) == {"Clear differences without a doubt"}
    equal = verified_runs.findings(skill={"sit": 0.7})
    assert "No clear difference" in [group.title for group in believable(whole, equal)]
    doubted = found._replace(caveats=[Caveat("verified", "following", "floor")])
    groups = {group.title: group for group in believable(whole, doubted)}
    assert groups["Doubtful: floor"].keys == [("verified", "following")] and not groups["Doubtful: floor"].open
    every = [key for group in groups.values() for key in group.keys]
    assert sorted(every) == sorted({(s.benchmark, s.measure) for s in whole}) and len(every) == len(set(every))
    twice = found._replace(caveats=[Caveat("verified", "following", kind) for kind in ("few", "floor", "blind judge")])
    assert "Doubtful: blind judge" in [group.title for group in believable(whole, twice)]
    assert set(SERIOUS) == set(MEANINGS)
    alone = [score for score in whole if score.run == "sit-pairs"]
    assert [g.title for g in believable(alone, found._replace(differences=[]))] == [
        "Scores that are compared with nothing"
    ]


def test_a_long_group_folds_all_but_main_measures() -> None:
    found = findings()
    many = [s._replace(measure=f"{s.measure}-{n}") for s in found.scores if not s.group for n in range(3)]
    whole = [*(score for score in found.scores if not score.group), *many]
    text = "".join(results(found._replace(scores=whole, caveats=[], differences=[])))
    first, _, rest = text.partition("Their other measures")
    assert len({(s.benchmark, s.measure) for s in whole}) > MOST_ROWS
    assert "accuracy-0" in rest and "accuracy-0" not in first and ">following<" in first
    assert "Their other measures" not in "".join(results(found))


def test_a_run_is_not_compared_with_itself() -> None:
    params = verified_runs.params()
    assert params["report"]["baseline"] == "it"
    found = verified_runs.findings(runs=("sit",), names={"it": "sit"})
    assert (found.baseline, found.treatment, only_run(found)) == ("sit", "sit", "sit")
    assert found.differences == [] and found.claims == [] and found.flips == []
    text = shown([page(found)])
    assert "sit − sit" not in text and "sit minus sit" not in text and "sit against sit" not in text
    assert "verified, following: " in shown(first_screen(found, "sit"))


def test_the_picture_is_narrow_enough_for_a_telephone() -> None:
    for found in (verified_runs.findings(), hostile_findings("", f"-{LONG}")):
        drawn = str(picture_of_claim(found))
        width = float(re.search(r'viewBox="0 0 (\d+)', drawn)[1])  # type: ignore[index]
        assert width <= 930
    assert 'class="broad"' not in str(picture_of_claim(verified_runs.findings()))


def test_nothing_at_all_is_a_page() -> None:
    nothing: Findings = findings(
        metrics={stage: {} for stage in findings().stages}, evaluated={}, scored={}, logs={}, before=[], after=[]
    )
    assert picture_of_claim(nothing) is None and list(doubts(nothing)) == [] and "<nav" in page(nothing)
