"""Contextual calibration: what a model likes to choose whatever is said is divided out of the scores of its choices.

Source: Zhao et al., 2021 (https://arxiv.org/abs/2102.09690).
"""

import math
from collections.abc import Mapping, Sequence

from stages.core.errors import UserError

CONTENT_FREE = ("N/A", "[MASK]", "...")
"""Texts that say nothing: what a model chooses after them is its liking of a choice."""


def liking(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Choice -> logarithm of its mean probability, empty for no scores.

    scores: choice -> log-probability, once for each text that says nothing. Raises KeyError when a later one lacks a
    choice of the first.
    """
    return {
        choice: math.log(math.fsum(math.exp(each[choice]) for each in scores) / len(scores) + 1e-30)
        for choice in (scores[0] if scores else ())
    }


def leaning(scores: Mapping[str, float], liked: Mapping[str, float]) -> dict[str, float]:
    """Choice -> its share, 0 to 1: the probabilities divided by those of the liking, made to sum to 1.

    scores, liked: choice -> log-probability; a choice that `liked` does not know counts as it stands. Empty for none.
    """
    gained = {choice: score - liked.get(choice, 0.0) for choice, score in scores.items()}
    top = max(gained.values(), default=0.0)
    weights = {choice: math.exp(gain - top) for choice, gain in gained.items()}
    whole = math.fsum(weights.values())
    return {choice: weight / whole for choice, weight in weights.items()}


def refuse_failures(errors: Sequence[str]) -> None:
    """Raise UserError where `errors`, those of the failed content-free requests, is not empty.

    Scores calibrated by the other requests alone would differ from those of the next run.
    """
    if errors:
        raise UserError(
            f"{len(errors)} content-free requests, which calibrate the scores of all rows, failed ({errors[0]}); "
            "replies received so far are kept, run again to go on"
        )
