"""Verified sequences: tasks whose right answers are computed, so every one is graded by rule (stages/verified).

Reads rows as `python -m stages.generate` writes them. Regenerated with another seed it is a fresh benchmark.
"""

from collections.abc import Iterator, Sequence

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import only, rows
from stages.verified.grading import Grade
from stages.verified.grading import grade as grade_sequence
from stages.verified.verified_rows import Check, Verified, recompute


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """Every row in order, grouped by its structure; `languages` is not used, since a row knows its own.

    Raises UserError naming a row that is none, or whose answers are not what its tasks come to.
    """
    name = only(files, ".jsonl")
    for number, row in enumerate(rows(files, name, Verified)):
        _verify(row, f"{name}: row {number}")
        yield Question(
            id=f"verified-{row.language}-{row.id}",
            benchmark="verified",
            language=row.language,
            licence=licence,
            item=row.id,
            instruction=row.instruction,
            input=row.input,
            gold=(row.response,),
            group=row.structure,
            tasks=len(row.checks),
            meta={"checks": msgspec.json.encode(row.checks).decode()},
        )


def _verify(row: Verified, where: str) -> None:
    if row.history:
        raise UserError(f"{where}: a conversation (form turns); generate questions in form chain, first or split")
    try:
        answers = recompute(row.input_type, row.input, row.checks)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{where}: its tasks can't be computed ({error}); generate the file again") from None
    for check, answer in zip(row.checks, answers, strict=True):
        if check.answer != answer:
            raise UserError(f"{where}: {check.task} gives {answer!r:.60}, not {check.answer!r:.60}; generate it again")


def grade(question: Question, text: str) -> dict[str, float]:
    """following, attempted, accuracy, strict, complete and depth, each in [0, 1]; see `verified.grading.Grade`.

    following: every task attempted, right or wrong (paper 3). accuracy: share of the tasks that are right in any common
    form; strict: word for word. complete: all are right. depth: share of the tasks before the first that is not.
    """
    result = grade_tasks(question, text)
    return {
        "following": result.following, "attempted": result.attempted, "accuracy": result.right, "strict": result.strict,
        "complete": result.all_right, "depth": result.depth,
    }  # fmt: skip


def grade_steps(question: Question, text: str) -> list[dict[str, float]]:
    """For each task: attempted and accuracy, 0 or 1."""
    tasks = grade_tasks(question, text).tasks
    return [{"attempted": float(task.attempted), "accuracy": float(task.lenient)} for task in tasks]


def grade_tasks(question: Question, text: str) -> Grade:
    """What became of each task of a question."""
    checks = msgspec.json.decode(question.meta["checks"], type=list[Check])
    return grade_sequence(text, checks, question.input, question.instruction)


BENCHMARK = Benchmark(
    title="Verified sequences, tasks whose answers are computed",
    questions=questions,
    metrics={
        "following": "every task was attempted, right or wrong",
        "attempted": "share of the tasks attempted",
        "accuracy": "share of the tasks answered right in any common form",
        "strict": "share of the tasks answered word for word",
        "complete": "all tasks are right",
        "depth": "share of the tasks before the first wrong one",
    },
    main_measure="following",
    sequential=True,
    measures_by_tasks=("following", "complete"),
    grade=grade,
    grade_steps=grade_steps,
    one_split=False,
)
