"""The planned comparisons: what is said of them whichever way they fall, over one training seed and over several."""

import html
import re
from math import sqrt
from typing import Any
from xml.etree import ElementTree

import pytest

from stages.reporting.caveats import mark
from stages.reporting.claims_section import claims_section, verified_section
from stages.reporting.design import design, seed_groups
from stages.reporting.findings import Findings
from stages.reporting.paired_section import flip_tables, seed_tables
from stages.reporting.report_page import figures, page
from stages.reporting.verdicts import verdict
from tests.reporting.verified_runs import findings, params


def shown(parts: list[Any]) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", "".join(map(str, parts))))


def test_what_an_experiment_compares_is_read_from_params() -> None:
    plan = design(params())
    assert (plan.baseline, plan.treatment, plan.base) == ("it", "sit", "smollm2")
    assert (plan.verified, plan.unseen, plan.trained) == (("verified",), ("new",), frozenset({1, 2, 3}))
    assert (plan.margin, plan.effect, plan.matched) == (0.05, 0.1, {"sit-pairs": "it-pairs"})
    assert plan.group("sit") == ("sit", "sit-2") and plan.group("it-pairs") == ("it-pairs",)


def test_runs_are_one_group_only_where_all_but_the_seed_agrees() -> None:
    runs = {"a": {"reads": "x"}, "b": {"reads": "x", "seed": 2}, "c": {"reads": "x", "seed": 3, "epochs": 2}}
    assert seed_groups(runs) == {"a": ("a", "b"), "b": ("a", "b"), "c": ("c",)}


def test_an_effect_is_claimed_with_interval_and_adjusted_p() -> None:
    found = findings()
    text = shown(claims_section(found))
    assert {claim.kind for claim in found.claims} == {"headline", "beyond", "unseen", "matched"}
    assert "sit attempts every task more often than it: " in text and "p < 0.001 by Holm over 6" in text
    assert "4 to 6 tasks, longer than any trained on" in text
    assert "sit-pairs attempts every task more often than it-pairs" in text
    headline = found.claims[0]
    assert headline.questions == 300 and headline.low < headline.difference < headline.high
    assert headline.difference == pytest.approx(headline.after - headline.before, abs=1e-6)


def test_the_opposite_is_claimed_as_plainly() -> None:
    text = shown(claims_section(findings(skill={"sit": 0.5, "it": 0.9})))
    assert "sit attempts every task less often than it: " in text


def test_no_difference_is_told_with_what_could_have_been_seen() -> None:
    found = findings(skill={"sit": 0.7})
    text = shown(claims_section(found))
    detectable = f"{100 * found.claims[0].detectable:.1f} points with a chance of 80%"
    assert "No difference is shown between sit and it" in text and detectable in text
    assert "No difference is shown" in shown(claims_section(findings(skill={"sit": 0.7}, margin=None)))


def test_equality_within_the_margin_needs_a_margin_and_data() -> None:
    same = {"it": 0.97, "sit": 0.97}
    many, few = findings(skill=same, each=200, margin=5.0), findings(skill=same, each=20, margin=5.0)
    assert "the two are equal within 5.0 points (TOST)" in shown(claims_section(many))
    assert "equal within" not in shown(claims_section(few))
    assert "equal within" not in shown(claims_section(findings(skill=same, each=200, margin=None)))


class Row:
    """A difference of which only the bounds matter."""

    def __init__(self, low: float, high: float, p: float, excluded: float, lowest: float) -> None:
        self.low, self.high, self.p, self.excluded, self.lowest = low, high, p, excluded, lowest


@pytest.mark.parametrize(
    ("row", "margin", "word"),
    [
        (Row(0.1, 0.3, 0.01, 0.28, 0.12), 0.05, "better"),
        (Row(-0.3, -0.1, 0.01, 0.28, -0.28), 0.05, "worse"),
        (Row(0.01, 0.3, 0.2, 0.28, 0.02), 0.05, "no worse"),  # not clear after Holm, but no worse
        (Row(-0.04, 0.03, 0.9, 0.04, -0.03), 0.05, "equal"),
        (Row(-0.04, 0.03, 0.9, 0.04, -0.03), None, "open"),
        (Row(-0.2, 0.3, 0.9, 0.25, -0.15), 0.05, "open"),
    ],
)
def test_verdicts(row: Row, margin: float | None, word: str) -> None:
    assert verdict(row, margin) == word


def test_seeds_of_a_group_are_shown_each_with_their_spread() -> None:
    found = findings(runs=("it", "it-2", "sit", "sit-2"))
    text = shown(seed_tables(found))
    assert "it (it, it-2) against sit (sit, sit-2)" in text and "±" in text
    assert "2 training seeds each" in shown(claims_section(found))
    (row,) = [r for r in found.seeds if (r.benchmark, r.measure) == ("verified", "following")]
    first, second = row.groups.treatment
    assert row.spreads[1] == pytest.approx(abs(first - second) / sqrt(2))
    assert seed_tables(findings()) == []


def test_flips_add_up_to_the_difference() -> None:
    found = findings()
    assert "wrong to right" in shown(flip_tables(found))
    (row,) = [r for r in found.flips if (r.benchmark, r.measure) == ("verified", "following")]
    (difference,) = [d for d in found.differences if (d.benchmark, d.measure) == ("verified", "following")]
    counts = row.flips
    total = counts.wrong_to_right + counts.right_to_wrong + counts.both_right + counts.both_wrong
    assert total == 600
    assert difference.value == pytest.approx((counts.wrong_to_right - counts.right_to_wrong) / total, abs=1e-5)
    assert not [r for r in found.flips if r.measure == "attempted"]  # a share of tasks neither right nor wrong


def test_tables_by_length_position_structure_and_types() -> None:
    text = shown(verified_section(findings()))
    for part in ("verified, by the number of tasks", "verified, by the task's position", "verified, by structure",
                 "independent", "new (unseen types)", "base"):  # fmt: skip
        assert part in text


def test_few_questions_are_marked_in_every_number() -> None:
    found = findings(each=4)
    table = shown(verified_section(found))
    whole = shown(claims_section(found))
    numbers = re.findall(r"\d+\.\d(°?) +\[", table)
    assert numbers and set(numbers) == {"°"}
    assert "° Fewer than 30 questions" in whole and mark(["few"]) == "°"
    assert "°" not in shown(claims_section(findings()))


def test_claims_are_numbers_in_the_figures() -> None:
    claims = figures(findings())["claims"]
    assert claims["headline"]["verified following, sit - it"]["questions"] == 300
    assert set(claims) == {"headline", "beyond", "unseen", "matched"}


@pytest.mark.parametrize(
    "changes", [{"runs": ("it",)}, {"runs": ("sit", "smollm2")}, {"each": 1}, {"runs": ("it", "sit", "it-2")}]
)
def test_what_is_missing_is_left_out(changes: dict[str, Any]) -> None:
    found: Findings = findings(**changes)
    page(found)
    for drawn in re.findall(r"<svg.*?</svg>", page(found), re.DOTALL):
        ElementTree.fromstring(drawn)
