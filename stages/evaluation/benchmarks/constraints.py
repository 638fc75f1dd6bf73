"""Instructions with verifiable constraints: which of its checks a response satisfies, by rule (stages/verified).

Reads rows of ours that have the field `checks`, such as a round of `rewrite` with a `constraint_share`. Instruction
level and prompt level are those of IFEval (Zhou et al., 2023): a share of the checks, and all checks of a prompt.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.core.records import Record, Rejected, ResponseCheck
from stages.evaluation.benchmarks.declaration import Benchmark, whole_text
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import converted, picked
from stages.readers.layout import Wanted
from stages.verified.response_checks import check_response, invalid

NOT_QUESTIONS = {
    "no-checks": "the row has no checks",
    "conversation": "the row has a system prompt, earlier turns or an image, which a question has not",
}
"""Why a row is no question: the closed list of this benchmark."""


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """Every row with checks, in order, grouped by their number; the others are rejected.

    `languages` is not used, since a row knows its own. Raises UserError naming a row that is no record, or whose
    checks are none that can be applied.
    """
    for where, row in picked(files, Wanted("test", lone=True), dict[str, Any]):
        record = converted(row, Record, where)
        if record.checks and (reason := next(filter(None, map(invalid, record.checks)), "")):
            raise UserError(f"{where}: {reason}; correct the row or leave its checks out")
        yield _question(record)


def _question(record: Record) -> Question | Rejected:
    reason = "" if record.checks else "no-checks"
    if record.system or record.history or record.image:
        reason = "conversation"
    if reason or not record.checks:
        return Rejected(record.id, reason, NOT_QUESTIONS[reason], msgspec.to_builtins(record))
    count = len(check_response("", record.checks))
    return Question(
        id=f"constraints-{record.id}",
        benchmark="constraints",
        language=record.source.language,
        licence=record.source.licence,
        item=record.id,
        instruction=record.instruction,
        input=record.input,
        group=str(count),
        tasks=count,
        meta={"checks": msgspec.json.encode(record.checks).decode()},
    )


def grade(question: Question, text: str) -> dict[str, float]:
    """instruction_level: share of the checks that the text satisfies. prompt_level: 1 if it satisfies all, else 0."""
    results = check_response(text, msgspec.json.decode(question.meta["checks"], type=list[ResponseCheck]))
    satisfied = [result.satisfied for result in results]
    return {"instruction_level": sum(satisfied) / len(satisfied), "prompt_level": float(all(satisfied))}


BENCHMARK = Benchmark(
    title="Verifiable constraints added to instructions, checked by rule",
    questions=questions,
    metrics={
        "instruction_level": "share of the constraints that the answer satisfies",
        "prompt_level": "the answer satisfies all its constraints",
    },
    main_measure="instruction_level",
    sequential=True,
    measures_by_tasks=("prompt_level",),
    grade=grade,
    texts=whole_text,
    one_split=False,
)
