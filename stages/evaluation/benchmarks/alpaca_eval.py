"""AlpacaEval 2.0: 805 open-ended instructions (Dubois et al., 2024; https://github.com/tatsu-lab/alpaca_eval)."""

from collections.abc import Iterator, Sequence

import msgspec

from stages.core.records import Rejected, digest
from stages.evaluation.benchmarks.declaration import Benchmark, whole_text
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import picked
from stages.readers.layout import Wanted


class _Row(msgspec.Struct):
    instruction: str
    dataset: str = ""


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


BENCHMARK = Benchmark(
    title="AlpacaEval 2.0, 805 instructions (Dubois et al., 2024)",
    questions=questions,
    main_measure="quality",
    judge=True,
    texts=whole_text,
)
