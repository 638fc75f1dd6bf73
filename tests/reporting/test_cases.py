"""Case studies: chosen by rule, with every run's answer, scores and marks."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from stages.reporting.answer_sets import planned_pairs
from stages.reporting.case_section import case_section
from stages.reporting.case_selection import EXTREMES, case_set, chosen, extremes, main_measure_of
from stages.reporting.row_pairs import path_of, read_rows
from tests.reporting.case_runs import CHECKS, answer, case_sets, question, score
from tests.reporting.examples import record, step
from tests.reporting.run import PARAMS, findings

VALUES = {"it": [0.0, 1.0, 0.5, 0.0, 1.0], "sit": [1.0, 0.0, 1.0, 0.0, 1.0]}


def scores(count: int, gains: dict[int, float]) -> dict[str, list]:
    return {
        "it": [score(i, "it", 0.5) for i in range(count)],
        "sit": [score(i, "sit", 0.5 + gains.get(i, 0.0)) for i in range(count)],
    }


def test_the_largest_gains_and_losses_are_kept_beside_the_drawn() -> None:
    gains = {17: 0.5, 33: 0.4, 71: -0.5}
    ids, drawn = chosen(scores(100, gains), [("it", "sit")], "following", 7, most=5)
    assert drawn == 5 and {"q17", "q33", "q71"} <= set(ids) and len(ids) <= 8
    assert chosen(scores(100, {}), [("it", "sit")], "following", 7, most=5)[0] == ids[:5]


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_a_draw_depends_on_the_seed_alone(seed: int, most: int) -> None:
    few = chosen(scores(30, {}), [], "following", seed, most)[0]
    shuffled = {run: some[::-1] for run, some in scores(30, {}).items()}
    assert few == chosen(shuffled, [], "following", seed, most)[0]
    assert few == chosen(scores(30, {}), [], "following", seed, 30)[0][:most]


def test_many_gains_are_kept_up_to_a_limit() -> None:
    ids, drawn = chosen(scores(200, dict.fromkeys(range(150), 0.5)), [("it", "sit")], "following", 7, most=0)
    assert (len(ids), drawn) == (EXTREMES, 0)


def test_gains_losses_and_others_by_rule() -> None:
    (made,) = case_sets(VALUES)
    picked = extremes(made.cases, "it", "sit", "following", 5)
    assert [case.question for case in picked.gains] == ["q0", "q2"] and [c.question for c in picked.losses] == ["q1"]
    assert {case.question for case in picked.random} == {"q3", "q4"}
    assert not any(extremes(made.cases, "it", "other", "following", 5))


def test_an_answer_has_its_scores_and_marks() -> None:
    (made,) = case_sets({"it": [None], "sit": [1.0]}, sit="truncated")
    case = made.cases[0]
    assert (case.answers["it"].values, case.answers["it"].reason) == ({}, "judge-unparsed")
    assert case.answers["sit"].status == "truncated" and case.answers["sit"].verdict == "Verdict."
    assert [(mark.label, mark.values) for mark in case.answers["sit"].marks] == [
        ("List.", {"done": 1.0}), ("Sort.", {"done": 0.2})
    ]  # fmt: skip


def test_checks_of_a_rule_name_the_task_and_its_answer() -> None:
    asked = question(0, benchmark="verified", meta={"checks": CHECKS}, input="1")
    reply = structs.replace(answer(0, "it"), text="2\n7")
    made = case_set("verified", "following", [asked], {"it": [reply]}, {"it": [score(0, "it", 1.0)]}, {}, [], 7)
    marks = made.cases[0].answers["it"].marks
    assert [(m.label, m.values["attempted"], m.values["accuracy"]) for m in marks] == [
        ("number.add: 2", 1.0, 1.0), ("number.add: 3", 1.0, 0.0)
    ]  # fmt: skip


def test_only_the_first_of_several_samples_is_shown() -> None:
    second = score(0, "it", 0.0)
    rows = [score(0, "it", 1.0), structs.replace(second, id="q0/1")]
    made = case_set("seqeval", "following", [question(0)], {"it": [answer(0, "it")]}, {"it": rows}, {}, [], 7)
    assert made.questions == 1 and made.cases[0].answers["it"].values == {"following": 1.0}


@pytest.mark.parametrize(
    ("benchmark", "values", "measure"),
    [("seqeval", {"following": 1.0, "a": 1.0}, "following"), ("mgsm", {"strict": 1.0, "b": 0.0}, "b"), ("?", {}, "")],
)
def test_the_measure_that_cases_are_chosen_by(benchmark: str, values: dict[str, float], measure: str) -> None:
    scored = structs.replace(score(0, "it", None), values=values)
    assert main_measure_of(benchmark, {"it": [scored]}) == measure


def test_pairs_are_those_that_params_name() -> None:
    assert planned_pairs({"report": {"baseline": "a", "treatment": "b", "matched": {"c": "a"}}}) == [
        ("a", "b"), ("a", "c")
    ]  # fmt: skip
    assert planned_pairs({"report": {"baseline": "a", "treatment": "a", "matched": {}}}) == []
    assert planned_pairs({"report": {"baseline": None, "treatment": "b", "matched": {}}}) == []
    assert planned_pairs(PARAMS) == [("it", "sit")]


def test_the_page_shows_the_chosen_side_by_side_with_differences() -> None:
    shown = "".join(case_section(findings(cases=case_sets(VALUES))))
    texts = re.sub(r"<[^>]+>", " ", shown)
    assert "sit − it: following +1.00" in texts and "sit − it: following −1.00" in texts
    assert shown.count("<details>") == 5 and "Largest losses" in texts
    assert "Answer 0 of it." in texts and "Answer 0 of sit." in texts and "done 0.20" in texts
    none = "".join(case_section(findings(cases=case_sets({"it": [0.0], "sit": [1.0]}))))
    assert "<b>Largest losses</b>: none." in none
    assert case_section(findings()) == [] == case_section(findings(cases=case_sets({"sit": [1.0]})))


def test_rows_are_a_draw_of_all_with_what_each_round_did() -> None:
    before = [record(i) for i in range(30)]
    after = [
        record(i, step("rewrite", "suffix", round=1), step("rewrite", "", "rejected", 2, reason="repeats"),
               instruction=f"Name {i} rivers. Then sort." if i else "Name 0 rivers.")
        for i in range(29)
    ]  # fmt: skip
    made, chains = read_rows(before, after, 7, most=10)
    assert (made.rows, made.changed, len(made.pairs)) == (29, 28, 10)
    assert made.pairs == read_rows(before, after[::-1], 7, most=29)[0].pairs[:10]
    assert made.pairs[0].steps == ("round 1: suffix", "round 2: rejected (repeats)") and made.pairs[0].tasks == 2
    assert made.pairs[0].actions == ("suffix",) and json.dumps(made.pairs[0])
    by_id = sorted(row.id for row in after[1:])
    assert [chain.after.id for chain in chains] == by_id[:6] and all(c.before.id == c.after.id for c in chains)


@given(st.lists(st.lists(st.sampled_from(["prefix", "suffix", "hold"]), max_size=2), max_size=14), st.randoms())
def test_chains_to_read_are_one_of_each_kind_and_then_by_id(paths: list[list[str]], order: random.Random) -> None:
    """Whatever the order of the rows; the same as sorting all of them."""
    before = [record(number) for number, _ in enumerate(paths)]
    after = [
        record(number, *(step("rewrite", action) for action in path), instruction=f"Other {number}.")
        for number, path in enumerate(paths)
    ]
    shown, seen, later = [], set(), []
    for row in sorted(after, key=lambda row: row.id):
        path = tuple(path_of(row))
        (later if path in seen else shown).append(row.id)
        seen.add(path)
    shuffled = order.sample(after, len(after))
    rows, chains = read_rows(before, shuffled, 7)
    assert [chain.after.id for chain in chains] == [*shown, *later][:6]
    assert rows.changed == rows.rows == len(after)
