"""SeqEval: open-ended sequential instructions, graded by a judge (paper 3).

Reads our own mixture (records, as `sample` writes them) or the released file (objects of instruction and iteration).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from stages.core.records import Record, Rejected, digest
from stages.core.row_history import tasks
from stages.evaluation.benchmarks.declaration import Benchmark, whole_text
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import converted, picked
from stages.readers.layout import Wanted


class _Released(msgspec.Struct):
    instruction: str
    iteration: int


BROKEN = {
    "empty": "the instruction is empty: a failed generation",
    "leaking": "holds a marker of the prompt that it was written with",
    "duplicate": "the same question as an earlier row",
}
"""Why a row is no question: the closed list of this benchmark."""
_LEAK = re.compile(r"#[ \t]*(?:(?:New|Original|Given)[ \t]+(?:Instruction|Prompt)|Explanation)[ \t]*#|\boption is:")


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question | Rejected]:
    """Every row in order; a broken one is rejected with a reason of `BROKEN` (row 547 of the release is empty).

    `languages` is not used: a record knows its own, the release is English. Any round of ours is a benchmark too: its
    questions are grouped by how often a row really grew, 0 for one that no round could change. Raises UserError naming
    a row that is neither a record nor an object of the release.
    """
    rows = picked(files, Wanted("test", lone=True), dict[str, Any])
    first = list(islice(rows, 1))
    all_rows = chain(first, rows)
    candidates = _own(all_rows) if first and "id" in first[0][1] else _released(all_rows, licence)
    seen: set[tuple[str, str]] = set()
    for question in candidates:
        reason = _broken(question, seen)
        row = {"instruction": question.instruction, "input": question.input, "group": question.group}
        yield Rejected(question.id, reason, BROKEN[reason], row) if reason else question


def _broken(question: Question, seen: set[tuple[str, str]]) -> str:
    """A key of `BROKEN`, or "" for a usable question; `seen` collects (instruction, input) of earlier questions."""
    text = " ".join(question.instruction.split()).casefold()
    if not text:
        return "empty"
    if _LEAK.search(question.instruction):
        return "leaking"
    if (text, question.input) in seen:
        return "duplicate"
    seen.add((text, question.input))
    return ""


def _own(rows: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[Question]:
    for where, row in rows:
        record = converted(row, Record, where)
        yield Question(
            id=f"seqeval-{record.id}",
            benchmark="seqeval",
            language=record.source.language,
            licence=record.source.licence,
            item=record.id,
            instruction=record.instruction,
            input=record.input,
            group=str(tasks(record) - 1),
            tasks=tasks(record),
        )


def _released(rows: Iterable[tuple[str, dict[str, Any]]], licence: str) -> Iterator[Question]:
    seen: dict[str, int] = {}
    for where, raw in rows:
        row = converted(raw, _Released, where)
        item = digest(msgspec.structs.asdict(row), 16)
        seen[item] = seen.get(item, 0) + 1
        item += f"-{seen[item]}" if seen[item] > 1 else ""
        yield Question(
            id=f"seqeval-{item}",
            benchmark="seqeval",
            language="en",
            licence=licence,
            item=item,
            instruction=row.instruction,
            group=str(row.iteration),
            tasks=1 + row.iteration,
        )


BENCHMARK = Benchmark(
    title="SeqEval, open-ended sequential instructions (paper 3)",
    questions=questions,
    published={  # Table 12; Llama-3-8B tuned on Alpaca
        "following": {"IT": 83.4, "WizardLM": 73.9, "SIT": 89.3},
        "quality": {"IT": 4.453, "SIT": 4.659},
    },
    main_measure="following",
    sequential=True,
    measures_by_tasks=("following", "quality"),
    judge=True,
    texts=whole_text,
)
