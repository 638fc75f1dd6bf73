"""Read the splits of MMLU, ARC and GSM8K from any of the formats in which they are distributed."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks.questions import Files
from stages.evaluation.benchmarks.readers import converted, pick, picked, placed
from stages.readers.formats import kind
from stages.readers.layout import Wanted

GSM8K, MMLU, ARC = ("main",), ("all",), ("ARC-Challenge", "challenge")
"""Configs that the benchmarks are, as the Hub calls them; the others are GSM8K's socratic answers, MMLU's single
subjects (which together are all of it) and ARC-Easy."""


class Mmlu(msgspec.Struct):
    """A row of MMLU as the Hub has it (cais/mmlu)."""

    question: str
    choices: list[str]
    answer: int
    subject: str = ""

    def doc(self) -> dict[str, Any]:
        """The row as a document of lm-eval."""
        return {"question": self.question, "subject": self.subject, "choices": self.choices, "answer": self.answer}

    def question_text(self) -> str:
        """Question and choices as one text."""
        return "\n".join([self.question, *map("{}. {}".format, "ABCD", self.choices)])


class Choices(msgspec.Struct):
    """Texts and labels of as many choices."""

    text: list[str]
    label: list[str]


class MultipleChoice(msgspec.Struct):
    """A row of ARC (allenai/ai2_arc) or CommonsenseQA (tau/commonsense_qa) as the Hub has it."""

    id: str
    question: str
    choices: Choices
    answerKey: str

    def doc(self) -> dict[str, Any]:
        """The row as a document of lm-eval."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def question_text(self) -> str:
        """Question and choices as one text."""
        return "\n".join([self.question, *map("({}) {}".format, self.choices.label, self.choices.text)])

    def checked(self, where: str) -> "MultipleChoice":
        """This row. Raises UserError, naming `where`, if its answer is none of its choices."""
        if self.answerKey not in self.choices.label or len(self.choices.label) != len(self.choices.text):
            raise UserError(f"{where}: the answer is none of its choices; correct or remove it")
        return self


class Gsm8k(msgspec.Struct):
    """A row of GSM8K; the answer ends with "#### number"."""

    question: str
    answer: str

    def doc(self) -> dict[str, Any]:
        """The row as a document of lm-eval."""
        return {"question": self.question, "answer": self.answer}


class _Choice(msgspec.Struct):
    text: str
    label: str


class _Stem(msgspec.Struct):
    stem: str
    choices: list[_Choice]


class _Ai2(msgspec.Struct):
    """A row of ARC as AI2 has it."""

    id: str
    question: _Stem
    answerKey: str


class _Adapted(msgspec.Struct):
    """A row of ARC as LLM-Adapters has it: everything in one text."""

    instruction: str
    answer: str


def gsm8k_rows(files: Files, split: str) -> list[Gsm8k]:
    """The rows of a split. Raises UserError naming a row that does not fit."""
    wanted = Wanted(split, GSM8K, exact=split == "train")
    return [row for _, row in picked(files, wanted, Gsm8k, avoid="socratic")]


def mmlu_rows(files: Files, split: str) -> dict[str, list[Mmlu]]:
    """Subject -> rows of a split. Raises UserError naming a row that does not fit."""
    subjects: dict[str, list[Mmlu]] = {}
    for name in pick(files, Wanted(split, MMLU, exact=split == "dev", together=True)):
        read = _mmlu_csv(files, name) if kind(name) == "csv" else (row for _, row in placed(files, name, Mmlu))
        for number, row in enumerate(read):
            if len(row.choices) != 4 or not 0 <= row.answer < 4 or not re.fullmatch(r"\w+", row.subject):
                raise UserError(f"{name}: row {number}: needs 4 choices, an answer among them, a subject; correct it")
            subjects.setdefault(row.subject, []).append(row)
    return subjects


def _mmlu_csv(files: Files, name: str) -> Iterator[Mmlu]:
    """<subject>_<split>.csv: question, four choices, the right one as a letter or a number; a header line or none."""
    subject = re.sub(r"_(dev|val|test)$", "", name.rpartition("/")[2].removesuffix(".csv"))
    try:
        table = list(csv.reader(io.StringIO(files[name].decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{name}: {error}; correct the file") from None
    for number, cells in enumerate(table[table[:1] == [HEADER] :], 1):
        if len(cells) != 6 or cells[5] not in ANSWERS:
            raise UserError(f"{name}: row {number}: needs question, 4 choices, answer A to D or 0 to 3; correct it")
        yield Mmlu(cells[0], cells[1:5], ANSWERS[cells[5]], subject)


HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
ANSWERS = {"A": 0, "B": 1, "C": 2, "D": 3, "0": 0, "1": 1, "2": 2, "3": 3}


def arc_rows(files: Files, split: str) -> list[MultipleChoice]:
    """The rows of a split. Raises UserError naming a row that does not fit."""
    wanted = Wanted(split, ARC, exact=split == "train")
    return [
        _arc(row, f"{name}: row {number}", f"{split}-{number:04}").checked(f"{name}: row {number}")
        for name in pick(files, wanted)
        for number, (_, row) in enumerate(placed(files, name, dict[str, Any]))
    ]


def multiple_choice(row: dict[str, Any], where: str) -> MultipleChoice:
    """A row as the Hub or its makers have it, its answer checked. Raises UserError, naming `where`, for any other."""
    if isinstance(row.get("question"), dict):
        read = _flat(converted(row, _Ai2, where))
    else:
        read = converted(row, MultipleChoice, where)
    return read.checked(f"{where.partition(':')[0]}: question {read.id}")


def _arc(row: dict[str, Any], where: str, number: str) -> MultipleChoice:
    shapes: tuple[type[MultipleChoice | _Ai2 | _Adapted], ...] = (MultipleChoice, _Ai2, _Adapted)
    for shape in shapes:
        try:
            read = msgspec.convert(row, shape)
        except msgspec.ValidationError:
            continue
        if isinstance(read, _Adapted):
            return _adapted(read, where, number)
        return _flat(read) if isinstance(read, _Ai2) else read
    raise UserError(f"{where}: is no row of ARC as the Hub, AI2 or LLM-Adapters has it; correct or remove it")


def _flat(row: _Ai2) -> MultipleChoice:
    listed = row.question.choices
    choices = Choices([choice.text for choice in listed], [choice.label for choice in listed])
    return MultipleChoice(row.id, row.question.stem, choices, row.answerKey)


def _adapted(row: _Adapted, where: str, number: str) -> MultipleChoice:
    introduction, _, rest = row.instruction.partition("\n\nAnswer1:")
    texts = re.split(r" Answer\d+:", rest.partition("\n\nAnswer format:")[0])
    labels = [f"answer{place}" for place in range(1, len(texts) + 1)]
    question = introduction.removeprefix("Please choose the correct answer to the question:").strip()
    if not rest or not question:
        raise UserError(f"{where}: its instruction has no choices; correct or remove it")
    return MultipleChoice(number, question, Choices([text.strip() for text in texts], labels), row.answer)
