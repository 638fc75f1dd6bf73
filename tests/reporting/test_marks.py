"""Marks of doubt: one source, and the same mark wherever a number stands."""

import re
from typing import Any

import pytest
from msgspec import structs, to_builtins

from stages.evaluation.benchmarks.pairwise_comparison import PairScore, summarize
from stages.evaluation.benchmarks.sampling import JudgeSample
from stages.reporting.caveats import MEANINGS, legend_of, mark, pairwise, pairwise_caveats
from stages.reporting.judge_section import judge_section
from stages.reporting.results import results
from stages.reporting.score_section import score_section
from tests.reporting.run import findings, metrics


def compared(orders: tuple[float, float], pairs: int = 40) -> dict[str, Any]:
    """What `compare` writes where the judge gives these shares to the treatment, in second and in first place."""
    win = sum(orders) / 2
    won = 0.5 if win == 0.5 else float(win > 0.5)
    rows = [
        PairScore(f"q{i}", f"q{i}", f"{i}", "sit", "en", "", 2, "ok", {"win": win, "won": won}, orders=orders)
        for i in range(pairs)
    ]  # fmt: skip
    controls = [structs.replace(row, values={"win": 1.0, "won": 1.0}, orders=(1.0, 1.0), control=True) for row in rows]
    return to_builtins(summarize(rows, controls, JudgeSample(None, 4, 7, 200)))


@pytest.mark.parametrize(
    ("orders", "pairs", "kinds"),
    [
        ((0.02, 0.98), 40, {"order"}),  # always the first, whatever it reads
        ((0.9, 0.1), 40, {"order"}),  # always the second
        ((0.9, 0.95), 40, set()),
        ((0.9, 0.95), 12, {"few"}),
        ((0.02, 0.98), 12, {"order", "few"}),
    ],
)
def test_a_judge_that_follows_the_order_is_marked(orders: tuple[float, float], pairs: int, kinds: set[str]) -> None:
    caveats = pairwise_caveats({"a": compared(orders, pairs)})
    assert {caveat.kind for caveat in caveats} == kinds <= set(MEANINGS)
    assert {(caveat.benchmark, caveat.measure) for caveat in caveats} <= {
        (pairwise("a"), "win"),
        (pairwise("a"), "won"),
    }


def test_a_win_rate_carries_its_mark_and_the_reason() -> None:
    stages = metrics() | {"compare": {"seqeval-it-sit": compared((0.02, 0.98))}}
    shown = "".join(judge_section(findings(metrics=stages)))
    assert re.search(r"50\.0†<span class=\"under\">\[", shown) and ">order</span>" in shown
    sound = metrics() | {"compare": {"seqeval-it-sit": compared((0.9, 0.95))}}
    assert "92.5<span" in "".join(judge_section(findings(metrics=sound)))


def test_marks_and_their_legend() -> None:
    assert (mark([]), mark(["few"]), mark(["order", "floor"]), mark(["few", "floor"])) == ("", "°", "†", "†°")
    assert legend_of([]) == "" and "30" in legend_of(["few"]) and "†" not in legend_of(["few"])


def test_every_number_of_a_doubtful_measure_is_marked_in_results_and_languages() -> None:
    found = findings()
    for shown in ("".join(results(found)), "".join(score_section(found))):
        row = next(line for line in re.findall(r"<tr>.*?</tr>", shown) if ">accuracy<" in line)
        numbers = re.findall(r">(\d+\.\d[°†]*)<", row)
        assert len(numbers) > 1 and all("°" in number for number in numbers[:2]), row
