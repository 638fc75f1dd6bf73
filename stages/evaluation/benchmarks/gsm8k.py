"""GSM8K: grade-school mathematics in English with worked examples (paper B.6; Cobbe et al., 2021).

Reads the test split and, for the worked examples, the first rows of the train split; without one it is zero-shot.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from stages.core.errors import UserError
from stages.evaluation.benchmarks import number_rules
from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.lm_eval_rows import GSM8K, Gsm8k
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import has_split, picked
from stages.readers.layout import Wanted

INSTRUCTION = "Solve the question step by step, and lastly give the answer as a number."
SHOTS = 8
"""Worked examples, as in the paper's 8-shot setting."""
_CALCULATION = re.compile(r"<<.*?>>")


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The rows of the test split in order. Raises UserError naming the row for an answer without "#### number"."""
    examples = [_example_text(row, where) for where, row in _example_rows(files)]
    for number, (where, row) in enumerate(_split(files, Wanted("test", GSM8K, lone=True))):
        yield Question(
            id=f"gsm8k-{number:04}",
            benchmark="gsm8k",
            language="en",
            licence=licence,
            item=f"{number:04}",
            instruction="\n\n".join([INSTRUCTION, *examples]),
            input=f"Question: {row.question}",
            gold=(solved(row, where)[1],),
        )


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy (the paper's rule) and strict (by value), each 0 or 1."""
    return {
        "accuracy": float(number_rules.paper_rule(text, question.gold[0])),
        "strict": float(number_rules.strict_rule(text, question.gold[0])),
    }


def _split(files: Files, split: Wanted) -> Iterator[tuple[str, Gsm8k]]:
    """(place, row) of each row of a split."""
    for number, (where, row) in enumerate(picked(files, split, Gsm8k, avoid="socratic")):
        yield f"{where.partition(':')[0]}: row {number}", row


def _example_rows(files: Files) -> list[tuple[str, Gsm8k]]:
    """The rows of the worked examples; none where there is no train split."""
    if not has_split(files, "train"):
        return []
    return list(islice(_split(files, Wanted("train", GSM8K, exact=True)), SHOTS))


def _example_text(row: Gsm8k, where: str) -> str:
    reasoning, answer = solved(row, where)
    return f"Question: {row.question}\nStep-by-Step Answer: {reasoning} The answer is {answer}."


def solved(row: Gsm8k, where: str) -> tuple[str, str]:
    """The reasoning on one line without calculator marks, and the final number without thousands separators.

    Raises UserError, naming `where`, for an answer that has none.
    """
    reasoning, _, answer = row.answer.rpartition("####")
    answer = answer.strip().replace(",", "")
    if number_rules.last_number(answer) is None:
        raise UserError(f"{where}: the answer does not end with '#### <number>'; correct or remove it")
    return " ".join(_CALCULATION.sub("", reasoning).split()), answer


BENCHMARK = Benchmark(
    title="GSM8K, grade-school mathematics, 8-shot (paper B.6; Cobbe et al., 2021)",
    questions=questions,
    metrics={"accuracy": "the paper's exact match of the last number", "strict": "the last number by its value"},
    published={"accuracy": {"IT": 17.7, "WizardLM": 32.9, "SIT": 34.5}},  # Table 5; Llama-3-8B tuned on Alpaca
    grade=grade,
)
