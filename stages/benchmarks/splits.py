"""The splits of MMLU, ARC and GSM8K from any of the shapes in which they are passed around."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from stages.benchmarks.decoding import rows
from stages.benchmarks.questions import Files
from stages.errors import UserError

T = TypeVar("T")
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")


class Mmlu(msgspec.Struct):
    """A row of MMLU as the Hub has it (cais/mmlu)."""

    question: str
    choices: list[str]
    answer: int
    subject: str = ""

    def doc(self) -> dict[str, Any]:
        """The same as lm-eval takes it."""
        return {"question": self.question, "subject": self.subject, "choices": self.choices, "answer": self.answer}

    def asked(self) -> str:
        """Question and choices for people."""
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
        """The same as lm-eval takes it."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def asked(self) -> str:
        """Question and choices for people."""
        return "\n".join([self.question, *map("({}) {}".format, self.choices.label, self.choices.text)])

    def checked(self, where: str) -> "MultipleChoice":
        """This row. Raises UserError, naming `where`, if its answer is none of its choices."""
        if self.answerKey not in self.choices.label or len(self.choices.label) != len(self.choices.text):
            raise UserError(f"{where}: the answer is none of its choices; mend or remove it")
        return self


class Gsm8k(msgspec.Struct):
    """A row of GSM8K; the answer ends with "#### number"."""

    question: str
    answer: str

    def doc(self) -> dict[str, Any]:
        """The same as lm-eval takes it."""
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
    return [row for name in _names(files, split) for row in _rows(files, name, Gsm8k)]


def mmlu_rows(files: Files, split: str) -> dict[str, list[Mmlu]]:
    """Subject -> rows of a split. Raises UserError naming a row that does not fit."""
    found: dict[str, list[Mmlu]] = {}
    for name in _names(files, split):
        for number, row in enumerate(_mmlu_csv(files, name) if name.endswith(".csv") else _rows(files, name, Mmlu)):
            if len(row.choices) != 4 or not 0 <= row.answer < 4 or not re.fullmatch(r"\w+", row.subject):
                raise UserError(f"{name}: row {number}: needs 4 choices, an answer among them and a subject; mend it")
            found.setdefault(row.subject, []).append(row)
    return found


def _mmlu_csv(files: Files, name: str) -> Iterator[Mmlu]:
    """<subject>_<split>.csv: question, four choices, the right one as a letter or a number; a header line or none."""
    subject = re.sub(r"_(dev|val|test)$", "", name.rpartition("/")[2].removesuffix(".csv"))
    try:
        table = list(csv.reader(io.StringIO(files[name].decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{name}: {error}; mend the file") from None
    for number, cells in enumerate(table[table[:1] == [HEADER] :], 1):
        if len(cells) != 6 or cells[5] not in ANSWERS:
            raise UserError(f"{name}: row {number}: needs question, 4 choices and an answer A to D or 0 to 3; mend it")
        yield Mmlu(cells[0], cells[1:5], ANSWERS[cells[5]], subject)


HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
ANSWERS = {"A": 0, "B": 1, "C": 2, "D": 3, "0": 0, "1": 1, "2": 2, "3": 3}


def arc_rows(files: Files, split: str) -> list[MultipleChoice]:
    """The rows of a split. Raises UserError naming a row that does not fit."""
    return [
        _arc(bytes(row), f"{name}: row {number}", f"{split}-{number:04}").checked(f"{name}: row {number}")
        for name in _names(files, split)
        for number, row in enumerate(_rows(files, name, msgspec.Raw))
    ]


def _arc(data: bytes, where: str, number: str) -> MultipleChoice:
    shapes: tuple[type[MultipleChoice | _Ai2 | _Adapted], ...] = (MultipleChoice, _Ai2, _Adapted)
    for shape in shapes:
        try:
            row = msgspec.json.decode(data, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(row, _Adapted):
            return _adapted(row, where, number)
        return _flat(row) if isinstance(row, _Ai2) else row
    raise UserError(f"{where}: is no row of ARC as the Hub, AI2 or LLM-Adapters has it; mend or remove it")


def _flat(row: _Ai2) -> MultipleChoice:
    some = row.question.choices
    choices = Choices([choice.text for choice in some], [choice.label for choice in some])
    return MultipleChoice(row.id, row.question.stem, choices, row.answerKey)


def _adapted(row: _Adapted, where: str, number: str) -> MultipleChoice:
    asked, _, rest = row.instruction.partition("\n\nAnswer1:")
    texts = re.split(r" Answer\d+:", rest.partition("\n\nAnswer format:")[0])
    labels = [f"answer{place}" for place in range(1, len(texts) + 1)]
    question = asked.removeprefix("Please choose the correct answer to the question:").strip()
    if not rest or not question:
        raise UserError(f"{where}: its instruction has no choices; mend or remove it")
    return MultipleChoice(number, question, Choices([text.strip() for text in texts], labels), row.answer)


def _names(files: Files, split: str) -> list[str]:
    """The files of a split: what begins or ends with its name, or lies in a folder of that name."""
    part = re.compile(rf"(?:^|[/_.-]){split}(?:[/_.-]|$)", re.I)
    found = [name for name in sorted(files) if name.endswith(SUFFIXES) and part.search(name)]
    if not found:
        near = ", ".join(sorted(files)[:12]) or "no file"
        raise UserError(f"no file of the split {split} ({near}); download it, or correct the benchmark's source")
    return found


def _rows(files: Files, name: str, type: type[T]) -> list[T]:
    own = {name: _json_lines(files[name], name)} if name.endswith(".parquet") else files
    return rows(own, name, type)


def _json_lines(data: bytes, name: str) -> bytes:
    """A Parquet file as JSON lines."""
    from pyarrow import ArrowInvalid, BufferReader, parquet

    try:
        found = parquet.read_table(BufferReader(data)).to_pylist()
    except (ArrowInvalid, OSError) as error:
        raise UserError(f"{name}: no Parquet file ({str(error)[:80]}); download it again") from None
    return b"\n".join(map(msgspec.json.encode, found))
