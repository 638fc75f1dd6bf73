"""AlpacaEval: its rows, its plain win rate, and agreement statistics."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.core.records import Rejected
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.alpaca_eval_annotations import Annotation, win_rate
from stages.evaluation.benchmarks.score_statistics import agreement

SHARED = Path(__file__).resolve().parents[3] / "shared/data/alpaca_eval"
needs = pytest.mark.skipif(not SHARED.exists(), reason="shared/data/alpaca_eval is not here")


def annotation(preference: float | None) -> Annotation:
    return Annotation("Do.", "a", "b", "rival", "ours", preference)


def test_rows_become_questions() -> None:
    rows = [{"instruction": "Do.", "dataset": "x", "output": "Done.", "generator": "y"}, {"instruction": "Do."},
            {"instruction": " "}]  # fmt: skip
    one, two, empty = BENCHMARKS["alpaca_eval"].read({"a.json": json.dumps(rows).encode()}, [], "CC0-1.0", {})
    assert (one.instruction, one.group, one.gold) == ("Do.", "x", ())  # type: ignore[union-attr]
    assert two.id == f"{one.id}-2"
    assert isinstance(empty, Rejected) and empty.reason == "empty"


def test_win_rate_counts_draws_as_half_and_leaves_out_what_is_unscored() -> None:
    result = win_rate(map(annotation, [1, 2, 1.5, 0, 1.75, None]))
    assert (result["n"], result["scored"]) == (6, 5)
    assert result["win_rate"] == pytest.approx(100 * (0 + 1 + 0.5 + 0.5 + 0.75) / 5)
    assert result["discrete_win_rate"] == pytest.approx(100 * (0 + 1 + 0.5 + 0.5 + 1) / 5)
    # The shares 0, 1, 0.5, 0.5 and 0.75 have a sample variance of 0.1375.
    assert result["standard_error"] == pytest.approx(100 * (0.1375 / 5) ** 0.5)
    assert win_rate([annotation(1.25)])["standard_error"] == 0
    assert win_rate([annotation(None)]) == {"n": 1, "scored": 0}


@pytest.mark.parametrize("preference", [-1, 0.5, 2.5, float("nan")])
def test_a_preference_that_is_none(preference: float) -> None:
    with pytest.raises(UserError, match="row 1"):
        win_rate([annotation(1), annotation(preference)])


@needs
def test_the_public_leaderboards_rate() -> None:
    file = SHARED / "alpaca-7b/weighted_alpaca_eval_gpt4_turbo_annotations.json"
    result = win_rate(msgspec.json.decode(file.read_bytes(), type=list[Annotation]))
    assert result["n"] == result["scored"] == 805
    assert result["win_rate"] == pytest.approx(2.591450540223603, abs=1e-9)


def rows(table: list[list[int]]) -> list[tuple[str, float, float]]:
    return [
        (f"{i}{j}{k}", float(i), float(j)) for i, row in enumerate(table) for j, n in enumerate(row) for k in range(n)
    ]


@pytest.mark.parametrize(
    ("table", "raw", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.7, 0.4),  # the textbook's example
        ([[5, 0], [0, 5]], 1.0, 1.0),
        ([[0, 5], [5, 0]], 0.0, -1.0),
        ([[25, 25], [25, 25]], 0.5, 0.0),
        ([[0, 8], [0, 0]], 0.0, 0.0),
        ([[9]], 1.0, None),  # both say the same of everything: nothing can be told beyond chance
    ],
)
def test_agreement(table: list[list[int]], raw: float, kappa: float | None) -> None:
    result = agreement(rows(table), 1, 200)
    assert result is not None and result.n == sum(map(sum, table))
    assert result.raw.mean == pytest.approx(raw)
    assert (result.kappa.mean if result.kappa else None) == (None if kappa is None else pytest.approx(kappa))


def test_agreement_of_nothing() -> None:
    assert agreement([], 1, 200) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_agreement_is_symmetric_and_bounded(result: list[tuple[int, int, int]]) -> None:
    one = agreement([(str(i), float(a), float(b)) for i, a, b in result], 1, 100)
    two = agreement([(str(i), float(b), float(a)) for i, a, b in result], 1, 100)
    assert one is not None and two is not None
    assert one.raw == two.raw and 0 <= one.raw.low <= one.raw.high <= 1
    assert (one.kappa is None) == (two.kappa is None)
    if one.kappa and two.kappa:
        assert one.kappa.mean == pytest.approx(two.kappa.mean) and -1 <= one.kappa.mean <= 1
