"""What a model likes to choose is divided out of its scores."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.contextual_calibration import calibrated_probabilities, choice_bias

SCORES = st.fixed_dictionaries(dict.fromkeys("ABC", st.floats(-50, 0)))


def test_a_choice_that_is_liked_anyway_loses_to_one_that_the_text_brings() -> None:
    silent = {"A": math.log(0.9), "B": math.log(0.1)}
    assert calibrated_probabilities({"A": math.log(0.8), "B": math.log(0.2)}, silent) == pytest.approx(
        {"A": 4 / 13, "B": 9 / 13}
    )


def test_a_liking_is_the_mean_of_probabilities_not_of_logarithms() -> None:
    assert choice_bias([{"A": math.log(0.2)}, {"A": math.log(0.4)}]) == pytest.approx({"A": math.log(0.3)})


def test_no_scores_no_liking_and_no_leaning() -> None:
    assert choice_bias([]) == {} and calibrated_probabilities({}, {"A": -1.0}) == {}


@given(SCORES)
def test_what_a_model_says_of_everything_leans_nowhere(scores: Mapping[str, float]) -> None:
    assert calibrated_probabilities(scores, choice_bias([scores, scores])) == pytest.approx(
        dict.fromkeys("ABC", 1 / 3), abs=1e-6
    )


@given(SCORES, SCORES, st.floats(-20, 20))
def test_shares_sum_to_one_whatever_is_added_to_every_score(
    scores: Mapping[str, float], bias: Mapping[str, float], more: float
) -> None:
    shares = calibrated_probabilities(scores, bias)
    assert math.fsum(shares.values()) == pytest.approx(1)
    assert calibrated_probabilities({name: score + more for name, score in scores.items()}, bias) == pytest.approx(
        shares, abs=1e-9
    )
