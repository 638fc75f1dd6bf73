"""IFEval: prompts with instructions whose fulfilment a rule can check (Zhou et al., 2023, https://arxiv.org/abs/2311.07911).

Read from the user's copy of google/IFEval (input_data.jsonl, or the Hub's file) or from files of that form; ours are in
data/seeds/ifeval. The checkers are lm-eval's, see `ifeval_checkers`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks import ifeval_checkers
from stages.evaluation.benchmarks.declaration import Benchmark, whole_text
from stages.evaluation.benchmarks.ifeval_checkers import Instruction
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import picked
from stages.readers.layout import Wanted


class _Row(msgspec.Struct):
    key: int | str
    prompt: str
    instruction_id_list: list[str]
    kwargs: list[dict[str, Any] | None]
    """The arguments of each instruction; a table of the Hub has null for those of other types."""

    def __post_init__(self) -> None:
        if not self.prompt.strip() or not self.instruction_id_list:
            raise ValueError("prompt and instruction_id_list must not be empty")
        if len(self.kwargs) != len(self.instruction_id_list):
            raise ValueError("kwargs must have one entry for each of instruction_id_list")


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The prompts in file order; `languages` is not used, all prompts are English.

    Raises UserError naming a row with an instruction that lm-eval cannot check, or would check at random.
    """
    for where, row in picked(files, Wanted("train", lone=True), _Row):
        instructions = [
            Instruction(type, {name: value for name, value in (arguments or {}).items() if value})
            for type, arguments in zip(row.instruction_id_list, row.kwargs, strict=True)
        ]
        if wrong := next(filter(None, map(ifeval_checkers.mistake, instructions)), ""):
            raise UserError(f"{where}: {wrong}; correct or remove the row")
        yield Question(
            id=f"ifeval-{row.key}", benchmark="ifeval", language="en", licence=licence, item=str(row.key),
            instruction=row.prompt, tasks=len(instructions),
            meta={"instructions": msgspec.json.encode(instructions).decode()},
        )  # fmt: skip


def grade(question: Question, text: str) -> dict[str, float]:
    """prompt_strict, prompt_loose, instruction_strict and instruction_loose, each in [0, 1].

    prompt: 1 where all instructions are followed. instruction: share of the prompt's instructions; `instruction_strict`
    over many prompts is the mean over instructions, as published (`score_statistics.OVER_TASKS`).
    """
    instructions = msgspec.json.decode(question.meta["instructions"], type=list[Instruction])
    strict, loose = ifeval_checkers.check(question.instruction, instructions, text)
    return {
        "prompt_strict": float(all(strict)), "prompt_loose": float(all(loose)),
        "instruction_strict": sum(strict) / len(strict), "instruction_loose": sum(loose) / len(loose),
    }  # fmt: skip


BENCHMARK = Benchmark(
    title="IFEval, instructions that a rule can check (Zhou et al., 2023)",
    questions=questions,
    metrics={
        "prompt_strict": "all instructions of the prompt are followed",
        "prompt_loose": "the same, with or without asterisks, the first line and the last line",
        "instruction_strict": "share of the instructions that are followed",
        "instruction_loose": "the same, with or without asterisks, the first line and the last line",
    },
    main_measure="prompt_strict",
    grade=grade,
    texts=whole_text,
)
