"""SeqEval: open-ended sequential instructions, graded by a judge (paper 3).

Reads our own mixture (records, as `sample` writes them) or the released file (objects of instruction and iteration).
"""

from collections.abc import Iterator, Sequence

import msgspec

from stages.benchmarks.decoding import only, rows
from stages.benchmarks.questions import Files, Question
from stages.records import Record, Rejected, digest


class _Released(msgspec.Struct):
    instruction: str
    iteration: int


def questions(files: Files, languages: Sequence[str], licence: str) -> Iterator[Question | Rejected]:
    """Every row in order; one without an instruction (row 547 of the release) is rejected as "empty".

    `languages` is not used: a record knows its own, the release is English. Raises UserError naming a row that is
    neither a record nor an object of the release.
    """
    name = only(files, (".json", ".jsonl"))
    found = _released(files, name, licence) if name.endswith(".json") else _own(files, name)
    for question in found:
        if question.instruction.strip():
            yield question
        else:
            row = {"instruction": question.instruction, "input": question.input, "group": question.group}
            yield Rejected(question.id, "empty", "the instruction is empty: a failed generation", row)


def _own(files: Files, name: str) -> Iterator[Question]:
    for record in rows(files, name, Record):
        yield Question(
            id=f"seqeval-{record.id}",
            benchmark="seqeval",
            language=record.source.language,
            licence=record.source.licence,
            item=record.id,
            instruction=record.instruction,
            input=record.input,
            group=str(max((step.round for step in record.steps), default=0)),
            tasks=1 + growth(record),
        )


def growth(record: Record) -> int:
    """How many tasks Seq-Instruct added: the rewrites that succeeded and changed something."""
    return sum(step.stage == "rewrite" and step.status == "ok" and step.action != "hold" for step in record.steps)


def _released(files: Files, name: str, licence: str) -> Iterator[Question]:
    seen: dict[str, int] = {}
    for row in rows(files, name, _Released):
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
