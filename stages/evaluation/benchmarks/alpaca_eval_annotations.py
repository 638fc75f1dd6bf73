"""AlpacaEval's annotations, in which each answer is compared with a reference model's, and the win rates of them.

https://github.com/tatsu-lab/alpaca_eval: an annotation's preference is 1 where the reference is better and 2 where the
model is, in between by the probability of the judge's verdict, and 0 or 1.5 for a draw.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks.pairwise_comparison import PairScore, Response
from stages.evaluation.benchmarks.questions import Question

QUESTIONS = 805
"""Instructions of AlpacaEval; the length-controlled win rate is defined on exactly these."""
LEFT_OUT = (
    "length-controlled win rate: left out; it is alpaca_eval's own estimate over its 805 instructions, from its files "
    "df_gamed.csv and instruction_difficulty.csv; name their folder under `win_rate` in params.yaml"
)


class Annotation(msgspec.Struct):
    """A row of AlpacaEval's annotations.json, with the keys that win rates need; others are ignored."""

    instruction: str
    output_1: str
    output_2: str
    generator_1: str
    generator_2: str
    preference: float | None
    annotator: str = ""


def annotations(
    scores: Iterable[PairScore], questions: Iterable[Question], baseline: Mapping[str, Response],
    treatment: Mapping[str, Response],
) -> list[Annotation]:  # fmt: skip
    """The scores as AlpacaEval writes annotations, without the controls; an unscored row has no preference."""
    by_id = {question.id: question for question in questions}
    return [
        Annotation(
            by_id[s.question].instruction, baseline[s.question].text, treatment[s.question].text,
            baseline[s.question].side, treatment[s.question].side, 1 + s.values["win"] if s.values else None, s.judge,
        )
        for s in scores
        if not s.control and s.question in baseline and s.question in treatment
    ]  # fmt: skip


def win_rate(annotations: Iterable[Annotation]) -> dict[str, Any]:
    """AlpacaEval's plain win rate in percent, its discrete one (draws as half), the standard error, and the counts.

    Raises UserError for a preference outside 0 and 1 to 2.
    """
    rows = list(annotations)
    shares = [_share(a.preference, number) for number, a in enumerate(rows) if a.preference is not None]
    if not shares:
        return {"n": len(rows), "scored": 0}
    mean = math.fsum(shares) / len(shares)
    variance = math.fsum((share - mean) ** 2 for share in shares) / max(1, len(shares) - 1)
    return {
        "n": len(rows),
        "scored": len(shares),
        "win_rate": 100 * mean,
        "discrete_win_rate": 100 * math.fsum(0.5 if s == 0.5 else float(s > 0.5) for s in shares) / len(shares),
        "standard_error": 100 * math.sqrt(variance / len(shares)),
    }


def _share(preference: float, row: int) -> float:
    if preference == 0:
        return 0.5
    if not 1 <= preference <= 2:
        raise UserError(
            f"annotations: row {row} has the preference {preference:g}, not 0 or 1 to 2; correct or remove it"
        )
    return preference - 1
