"""Contextual calibration: divides a model's bias towards choices out of its choice scores.

Source: Zhao et al., 2021 (https://arxiv.org/abs/2102.09690).
"""

import math
from collections.abc import Mapping, Sequence

from stages.core.errors import UserError

CONTENT_FREE = ("N/A", "[MASK]", "...")
"""Texts without content; a model's choice scores for them are its bias."""


def choice_bias(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The bias: choice -> logarithm of its mean probability; empty for no scores.

    scores: choice -> log-probability, for each content-free text. Raises KeyError if one lacks a choice of the first.
    """
    return {
        choice: math.log(math.fsum(math.exp(each[choice]) for each in scores) / len(scores) + 1e-30)
        for choice in (scores[0] if scores else ())
    }


def calibrated_probabilities(scores: Mapping[str, float], bias: Mapping[str, float]) -> dict[str, float]:
    """Choice -> its probability divided by that of the bias, normalised to a sum of 1; empty for no scores.

    scores, bias: choice -> log-probability; a choice that `bias` lacks is not corrected.
    """
    corrected = {choice: score - bias.get(choice, 0.0) for choice, score in scores.items()}
    top = max(corrected.values(), default=0.0)
    weights = {choice: math.exp(score - top) for choice, score in corrected.items()}
    total = math.fsum(weights.values())
    return {choice: weight / total for choice, weight in weights.items()}


def refuse_failures(errors: Sequence[str]) -> None:
    """Raise UserError where `errors`, those of the failed content-free requests, is not empty.

    Scores calibrated by the other requests alone would differ from those of the next run.
    """
    if errors:
        raise UserError(
            f"{len(errors)} content-free requests, which calibrate the scores of all rows, failed ({errors[0]}); "
            "replies received so far are kept, run again to go on"
        )
