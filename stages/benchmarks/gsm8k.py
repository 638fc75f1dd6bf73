"""GSM8K: grade-school mathematics in English with worked examples (paper B.6; Cobbe et al., 2021).

Reads test.jsonl and, for the worked examples, the first rows of train.jsonl; without that file it is asked zero-shot.
"""

import re
from collections.abc import Iterator, Sequence

from stages.benchmarks import numbers
from stages.benchmarks.decoding import rows
from stages.benchmarks.questions import Files, Question
from stages.benchmarks.splits import Gsm8k
from stages.errors import UserError

INSTRUCTION = "Solve the question step by step, and lastly give the answer as a number."
SHOTS = 8
"""Worked examples, as in the paper's 8-shot setting."""
_CALCULATION = re.compile(r"<<.*?>>")


def questions(files: Files, languages: Sequence[str], licence: str) -> Iterator[Question]:
    """The rows of test.jsonl in order. Raises UserError naming the row for an answer without "#### number"."""
    shown = rows(files, "train.jsonl", Gsm8k)[:SHOTS] if "train.jsonl" in files else []
    worked = [_worked(row, f"train.jsonl: row {number}") for number, row in enumerate(shown)]
    for number, row in enumerate(rows(files, "test.jsonl", Gsm8k)):
        yield Question(
            id=f"gsm8k-{number:04}",
            benchmark="gsm8k",
            language="en",
            licence=licence,
            item=f"{number:04}",
            instruction="\n\n".join([INSTRUCTION, *worked]),
            input=f"Question: {row.question}",
            gold=(solved(row, f"test.jsonl: row {number}")[1],),
        )


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy (the paper's rule) and strict (by value), each 0 or 1."""
    return {
        "accuracy": float(numbers.paper_rule(text, question.gold[0])),
        "strict": float(numbers.strict_rule(text, question.gold[0])),
    }


def _worked(row: Gsm8k, where: str) -> str:
    reasoning, answer = solved(row, where)
    return f"Question: {row.question}\nStep-by-Step Answer: {reasoning} The answer is {answer}."


def solved(row: Gsm8k, where: str) -> tuple[str, str]:
    """The reasoning on one line without calculator marks, and the final number without thousands separators.

    Raises UserError, naming `where`, for an answer that has none.
    """
    reasoning, _, answer = row.answer.rpartition("####")
    answer = answer.strip().replace(",", "")
    if numbers.last_number(answer) is None:
        raise UserError(f"{where}: the answer does not end with '#### <number>'; mend or remove it")
    return " ".join(_CALCULATION.sub("", reasoning).split()), answer
