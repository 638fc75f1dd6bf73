"""Means with intervals, differences, trends, and pass@k."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluation.benchmarks.questions import Score, unscored_warning
from stages.evaluation.benchmarks.score_statistics import compare, metric_means, pass_at_k, summary, trends


def score(item: str, value: float | None, language: str = "de", tasks: int = 2, metric: str = "accuracy") -> Score:
    name = f"{item}-{language}"
    return Score(
        id=f"{name}/0", question=name, item=item, run="it", language=language, group="", tasks=tasks,
        status="failed" if value is None else "ok", values={} if value is None else {metric: value},
        reason="answer-failed" if value is None else "",
    )  # fmt: skip


def coins(n: int, share: float, seed: int = 1) -> list[Score]:
    random = Random(seed)
    return [score(f"{i:04}", float(random.random() < share)) for i in range(n)]


def test_interval_agrees_with_the_normal_approximation_where_n_is_large() -> None:
    estimate = metric_means(coins(400, 0.3))["accuracy"]
    half = 1.96 * (estimate.mean * (1 - estimate.mean) / 400) ** 0.5
    assert estimate.n == 400
    assert estimate.low == pytest.approx(estimate.mean - half, abs=0.01)
    assert estimate.high == pytest.approx(estimate.mean + half, abs=0.01)


def test_order_changes_nothing() -> None:
    rows = coins(50, 0.5)
    shuffled = Random(3).sample(rows, len(rows))
    assert summary(rows) == summary(shuffled)


def test_versions_of_an_item_are_one_piece_of_evidence() -> None:
    once = coins(100, 0.5)
    copied = [score(row.item, row.values["accuracy"], language) for row in once for language in ("de", "zh", "ru")]
    single, triple = metric_means(once)["accuracy"], metric_means(copied)["accuracy"]
    # Three copies of an answer are no more evidence than one.
    assert triple.mean == single.mean
    assert (triple.low, triple.high) == pytest.approx((single.low, single.high), abs=0.005)
    assert triple.n == 300


def test_what_is_unscored_is_counted_and_not_wrong() -> None:
    estimate = summary([score("1", 1.0), score("2", None), score("3", 1.0, "zh")])
    assert (estimate["n"], estimate["scored"], estimate["unscored"]) == (3, 2, {"answer-failed": 1})
    assert estimate["statuses"] == {"ok": 2, "failed": 1}
    assert estimate["accuracy"].mean == 1
    assert estimate["languages"]["zh"]["accuracy"].n == 1
    assert "groups" not in estimate and "trend" not in estimate


@pytest.mark.parametrize(("missing", "beginning"), [(0, ""), (4, ""), (5, "x: 5 of 40"), (40, "x: 40 of 40")])
def test_only_many_answers_without_a_score_are_remarked_on(missing: int, beginning: str) -> None:
    rows = [score(str(i), None if i < missing else 1.0) for i in range(40)]
    warning = unscored_warning("x", summary(rows))
    assert warning.startswith(beginning) and bool(warning) == bool(beginning)
    assert ("the rest is no fair sample" in warning) == (missing == 5), "of 40 there is no rest"


@pytest.mark.parametrize("rows", [[], [score("1", None)]])
def test_nothing_scored(rows: list[Score]) -> None:
    assert summary(rows)["scored"] == 0
    assert "accuracy" not in summary(rows)
    assert compare(rows, rows, "accuracy", 1) is None


def test_trend_is_the_slope_of_a_line() -> None:
    rows = [score(str(i), 1 - 0.1 * (i % 4 + 1), tasks=i % 4 + 1, metric="following") for i in range(40)]
    estimate = trends(rows)["following"]
    assert estimate.mean == pytest.approx(-0.1)
    assert estimate.low == pytest.approx(-0.1) and estimate.high == pytest.approx(-0.1)


def test_compare_sees_a_difference_and_none() -> None:
    baseline, treatment = coins(300, 0.3, 1), coins(300, 0.5, 2)
    estimate = compare(baseline, treatment, "accuracy", 1)
    assert estimate is not None and estimate.low > 0 and estimate.p < 0.01 and estimate.n == 300
    assert estimate.difference == pytest.approx(estimate.low + (estimate.high - estimate.low) / 2, abs=0.02)
    same = compare(baseline, baseline, "accuracy", 1)
    assert same is not None and (same.difference, same.p) == (0, 1)


def test_quality_has_a_scale_of_its_own() -> None:
    same = metric_means([score(str(i), 5.0, metric="quality") for i in range(10)])["quality"]
    assert same.mean == same.high == 5 and same.low is not None and 3 < same.low < 4.5
    beyond = metric_means([score(str(i), float(i), metric="length") for i in range(10)])["length"]
    assert beyond.low is not None and beyond.high is not None
    assert beyond.low + beyond.high == pytest.approx(2 * beyond.mean)
    assert metric_means([score("1", 7.0, metric="length")])["length"].low is None


def test_compare_returns_the_difference_and_the_detectable_one() -> None:
    before = [score(str(i), float(i < 10)) for i in range(40)]
    after = [score(str(i), float(5 <= i < 25)) for i in range(40)]
    estimate = compare(before, after, "accuracy", 1)
    assert estimate is not None
    assert (estimate.gained, estimate.lost, estimate.difference) == (15, 5, 0.25)
    assert estimate.p == pytest.approx(0.041389, abs=1e-5)  # McNemar's exact test, 5 of 20
    assert (
        estimate.low < 0.25 < estimate.high
        and 0.2 < estimate.detectable < 0.4
        and estimate.excluded > estimate.high - 0.1
    )


def test_compare_pairs_by_item() -> None:
    estimate = compare([score("1", 0.0), score("2", 0.0)], [score("2", 1.0), score("3", 0.0)], "accuracy", 1)
    assert estimate is not None and (estimate.n, estimate.difference) == (1, 1)


@given(st.integers(1, 8), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_hit(samples: int, data: st.DataObject) -> None:
    correct, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    draws = list(combinations(range(samples), k))
    expected = sum(any(i < correct for i in draw) for draw in draws) / len(draws)
    assert pass_at_k(samples, correct, k) == pytest.approx(expected)


@pytest.mark.parametrize(("samples", "correct", "k"), [(2, 3, 1), (2, 1, 3), (2, 1, 0), (2, -1, 1)])
def test_pass_at_k_of_nonsense(samples: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(samples, correct, k)
