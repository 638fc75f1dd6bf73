"""AlpacaEval 2.0: 805 instructions, each answer held against a reference model's (Dubois et al., 2024).

https://github.com/tatsu-lab/alpaca_eval: an annotation's preference is 1 where the reference is better and 2 where the
model is, in between as far as the judge leaned, and 0 or 1.5 for a draw.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.core.records import Rejected, digest
from stages.evaluation.benchmarks.declaration import Benchmark, whole_text
from stages.evaluation.benchmarks.pairwise_comparison import Outcome, Response
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import picked
from stages.readers.layout import Wanted

QUESTIONS = 805
"""Instructions of AlpacaEval; the length-controlled win rate is defined on exactly these."""
LEFT_OUT = (
    "length-controlled win rate: left out; it is alpaca_eval's own estimate over its 805 instructions, from its files "
    "df_gamed.csv and instruction_difficulty.csv; name their folder under `win_rate` in params.yaml"
)


class _Row(msgspec.Struct):
    instruction: str
    dataset: str = ""


class Annotation(msgspec.Struct):
    """A row of AlpacaEval's annotations.json, as far as win rates need it; other keys are passed over."""

    instruction: str
    output_1: str
    output_2: str
    generator_1: str
    generator_2: str
    preference: float | None
    annotator: str = ""


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """Every instruction in order; an empty one is rejected as "empty". Scores break down by the data set it is from."""
    seen: dict[str, int] = {}
    for _, row in picked(files, Wanted("eval", ("alpaca_eval",), lone=True), _Row):
        item = digest(row.instruction, 16)
        seen[item] = seen.get(item, 0) + 1
        name = f"alpaca_eval-{item}" + (f"-{seen[item]}" if seen[item] > 1 else "")
        if row.instruction.strip():
            yield Question(
                id=name, benchmark="alpaca_eval", language="en", licence=licence, item=name.partition("-")[2],
                instruction=row.instruction, group=row.dataset,
            )  # fmt: skip
        else:
            yield Rejected(name, "empty", "the instruction is empty", msgspec.structs.asdict(row))


def annotations(
    outcomes: Iterable[Outcome], questions: Iterable[Question], baseline: Mapping[str, Response],
    treatment: Mapping[str, Response],
) -> list[Annotation]:  # fmt: skip
    """Outcomes as AlpacaEval writes them; what is unscored has no preference."""
    asked = {question.id: question for question in questions}
    return [
        Annotation(
            asked[o.question].instruction, baseline[o.question].text, treatment[o.question].text,
            baseline[o.question].side, treatment[o.question].side, 1 + o.values["win"] if o.values else None, o.judge,
        )
        for o in outcomes
        if not o.control and o.question in baseline and o.question in treatment
    ]  # fmt: skip


def win_rate(found: Iterable[Annotation]) -> dict[str, Any]:
    """AlpacaEval's plain win rate in percent, its discrete one (draws as half), the standard error, and the counts.

    Raises UserError for a preference that is none.
    """
    given = list(found)
    shares = [_share(a.preference, number) for number, a in enumerate(given) if a.preference is not None]
    if not shares:
        return {"n": len(given), "scored": 0}
    mean = math.fsum(shares) / len(shares)
    variance = math.fsum((share - mean) ** 2 for share in shares) / max(1, len(shares) - 1)
    return {
        "n": len(given),
        "scored": len(shares),
        "win_rate": 100 * mean,
        "discrete_win_rate": 100 * math.fsum(0.5 if s == 0.5 else float(s > 0.5) for s in shares) / len(shares),
        "standard_error": 100 * math.sqrt(variance / len(shares)),
    }


def _share(preference: float, row: int) -> float:
    if preference == 0:
        return 0.5
    if not 1 <= preference <= 2:
        raise UserError(f"annotations: row {row} has the preference {preference:g}, not 0 or 1 to 2; mend or remove it")
    return preference - 1


BENCHMARK = Benchmark(
    title="AlpacaEval 2.0, 805 instructions (Dubois et al., 2024)",
    questions=questions,
    judge=True,
    texts=whole_text,
)
