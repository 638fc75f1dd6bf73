"""SIFo: sequences of 2 to 6 instructions, each about what came before, with a gold answer for every one.

Chen et al., EMNLP Findings 2024 (https://arxiv.org/abs/2406.19999); read from the user's copy of
https://github.com/shin-ee-chen/SIFo, which names no licence. All instructions go into one prompt, numbered. A reply is
cut into steps by `stages.verified.response_segments`: by the numbers 1, 2, 3, … at the starts of its lines, else by its
lines, paragraphs or lists.
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stages.core.errors import UserError
from stages.evaluation.benchmarks.declaration import Benchmark
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import rows
from stages.verified.response_segments import segments

INSTRUCTION = (
    "Follow the instructions below one after another; each may depend on the results of those before. Give one answer "
    "per instruction, as a numbered list."
)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_STEP = re.compile(r"(?:instruction|answer)_\d+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _no_punctuation(text: str) -> str:
    return " ".join(text.lower().translate(_PUNCTUATION).split())


def _squad(text: str) -> str:
    """SQuAD's normalisation: small letters, neither punctuation nor articles."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _no_commas(text: str) -> str:
    return " ".join(text.lower().replace(",", "").split())


TASKS: dict[str, Callable[[str], str]] = {
    "math": _no_commas, "qa": _squad, "security": _squad, "text_modification": _no_punctuation,
}  # fmt: skip
"""File name without .jsonl -> how gold answers and predictions are normalised for comparison, as published."""


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The rows of every file of `TASKS` that is there, grouped by task; `languages` is not used, all are English.

    Raises UserError where no such file is there, and naming a row without instruction and answer 1.
    """
    names = [task for task in TASKS if f"{task}.jsonl" in files]
    if not names:
        raise UserError(f"holds none of {', '.join(f'{task}.jsonl' for task in TASKS)}; name folder sifo_datasets")
    for task in names:
        for number, row in enumerate(rows(files, f"{task}.jsonl", dict[str, Any])):
            yield _question(task, row, f"{task}.jsonl: row {number}", licence)


def _question(task: str, row: dict[str, Any], where: str, licence: str) -> Question:
    steps = _steps(row, where)
    listed = "\n".join(f"{number}. {instruction}" for number, (instruction, _) in enumerate(steps, 1))
    return Question(
        id=f"sifo-{task}-{row.get('id')}",
        benchmark="sifo",
        language="en",
        licence=licence,
        item=f"{task}-{row.get('id')}",
        instruction=f"{INSTRUCTION}\n\n{listed}",
        input=str(row.get("context") or ""),
        gold=tuple(answer for _, answer in steps),
        group=task,
        tasks=len(steps),
    )


def _steps(row: dict[str, Any], where: str) -> list[tuple[str, str]]:
    """(instruction, answer) of every step: instruction_1 and answer_1, instruction_2 and answer_2, and so on."""
    steps: list[tuple[str, str]] = []
    while row.get(f"instruction_{len(steps) + 1}") not in (None, ""):  # rows of a table are filled up with null
        number = len(steps) + 1
        pair = row[f"instruction_{number}"], row.get(f"answer_{number}")
        if not all(isinstance(text, str) and text.strip() for text in pair):
            raise UserError(
                f"{where}: instruction_{number} and answer_{number} must both be text; correct or remove the row"
            )
        steps.append(pair)  # type: ignore[arg-type]
    whole = {name for number in range(1, len(steps) + 1) for name in (f"instruction_{number}", f"answer_{number}")}
    filled = [name for name in row if _STEP.fullmatch(name) and row[name] not in (None, "")]
    if steps and (beyond := [name for name in filled if name not in whole]):
        raise UserError(
            f"{where}: {beyond[0]} is beyond step {len(steps)}, the last complete one; correct or remove it"
        )
    if not steps or "id" not in row:
        raise UserError(f"{where}: needs id, instruction_1 and answer_1; is this a file of SIFo's?")
    return steps


def grade(question: Question, text: str) -> dict[str, float]:
    """following, accuracy, instance, depth and strict, each in [0, 1].

    A step is right where its gold answer is contained in the prediction after normalisation, the published rule.
    following: every step has a prediction, which a copy of its instruction is not. accuracy: share of the steps that
    are right (the authors' instruction-level accuracy); instance: the last step is right; depth: share of the steps
    before the first that is wrong. strict: share of the steps whose prediction is the gold answer and nothing else; in
    mathematics, whose last number it is.
    """
    predictions = segments(text, question.tasks)
    normalise = TASKS[question.group]
    pairs = [(normalise(gold), normalise(part)) for gold, part in zip(question.gold, predictions, strict=True)]
    right = [gold in prediction for gold, prediction in pairs]
    strict = [_strictly(question.group, gold, prediction) for gold, prediction in pairs]
    depth = right.index(False) if False in right else len(right)
    instructions = segments(question.instruction.partition("\n\n")[2], question.tasks)
    return {
        "following": float(all(map(_is_prediction, predictions, instructions))),
        "accuracy": sum(right) / len(right), "instance": float(right[-1]), "depth": depth / len(right),
        "strict": sum(strict) / len(strict),
    }  # fmt: skip


def grade_steps(question: Question, text: str) -> list[dict[str, float]]:
    """accuracy of each step, 0 or 1, by the published rule."""
    normalise, predictions = TASKS[question.group], segments(text, question.tasks)
    return [
        {"accuracy": float(normalise(gold) in normalise(part))}
        for gold, part in zip(question.gold, predictions, strict=True)
    ]


def _is_prediction(part: str, instruction: str) -> bool:
    """Whether a part of a reply says anything but the instruction of its step, which the prompt showed."""
    return any(char.isalnum() for char in part) and _no_punctuation(part) != _no_punctuation(instruction)


def _strictly(task: str, gold: str, prediction: str) -> bool:
    if task != "math":
        return gold == prediction
    wanted, given = _NUMBER.findall(gold), _NUMBER.findall(prediction)
    return gold == prediction or (bool(wanted) and given[-1:] == wanted[-1:])


BENCHMARK = Benchmark(
    title="SIFo, sequences of 2 to 6 dependent instructions (Chen et al., 2024)",
    questions=questions,
    metrics={
        "following": "every step has a prediction",
        "accuracy": "share of the steps whose prediction contains the gold answer",
        "instance": "the last step is right",
        "depth": "share of the steps before the first wrong one",
        "strict": "share of the steps whose prediction is the gold answer",
    },
    main_measure="following",
    sequential=True,
    grade=grade,
    grade_steps=grade_steps,
    one_split=False,
)
