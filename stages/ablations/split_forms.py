"""The two forms in which a model splits a sequence: it writes the tasks out, as in the paper, or marks where they
begin.

Written: the model copies instruction and response, cut into tasks. Marked: the instruction is cut by rule where a
sentence begins with a connective ("Then …"), and the model only states with which sentence of the response the answer
to each later task begins; nothing can be lost or made up, and a small model can do it.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from stages.core.records import Record

CONNECTIVE = re.compile(
    r"(?:and |but )?(?:then|next|after that|afterwards|after this|finally|lastly|subsequently|second(?:ly)?"
    r"|third(?:ly)?|first(?:ly)?|in addition|additionally|furthermore)\b[,:]? *(?=\w)",
    re.IGNORECASE,
)
_TASK = re.compile(r"^#+ *Task *(\d{1,3}) *#* *:? *$", re.MULTILINE | re.IGNORECASE)
_RESPONSE = re.compile(r"^#+ *Response *(\d{1,3}) *#* *:? *$", re.MULTILINE | re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?。！？])[ \t]+|\n+")


class Task(msgspec.Struct, frozen=True):
    """One task of a sequence and its answer."""

    instruction: str
    response: str


class Form(NamedTuple):
    """A form of the split: its prompt variables and the parser of its replies."""

    values: Callable[[Record], dict[str, str] | str]
    """The variables of the prompt file; or why a record can't be split, without a request to the model."""
    read: Callable[[Record, str], list[Task] | str]
    """The tasks by the model's reply, or why there are none."""
    regex: Callable[[Record], str] = lambda record: ""
    """A regular expression for the reply, for engines with constrained decoding; "" for none."""


# ---------------------------------------------------------------- written out


def _texts(record: Record) -> dict[str, str]:
    return {"instruction": record.instruction, "input": record.input, "response": record.response}


def written(record: Record, reply: str) -> list[Task] | str:
    """The tasks of a reply ("#Task 1#", text, "#Response 1#", text, "#Task 2#", …), or why there are none."""
    parts = _TASK.split(reply)[1:]
    numbers, bodies = parts[::2], [_RESPONSE.split(body) for body in parts[1::2]]
    if [int(number) for number in numbers] != list(range(1, len(numbers) + 1)):
        return "numbering"
    if any(len(body) != 3 or body[1] != number for number, body in zip(numbers, bodies, strict=True)):
        return "numbering"
    tasks = [Task(body[0].strip(), body[2].strip()) for body in bodies]
    if len(tasks) < 2:
        return "one-task"
    if any(not task.instruction or not task.response for task in tasks):
        return "empty-task"
    return "response-lost" if _lost(record, tasks) else tasks


def _lost(record: Record, tasks: Sequence[Task]) -> bool:
    """Whether less than nine tenths of the response's words are left, or more than a tenth is not the response's."""
    before = Counter(record.response.lower().split())
    after = Counter(word for task in tasks for word in task.response.lower().split())
    return (before & after).total() < 0.9 * max(before.total(), after.total())


# ---------------------------------------------------------------- marked


def _numbered(record: Record) -> dict[str, str] | str:
    tasks, sentences = parts(record.instruction), pieces(record.response)
    if len(tasks) < 2:
        return "one-task"
    if len(sentences) < len(tasks):
        return "too-short"
    lines = {"tasks": tasks, "sentences": sentences}
    listed = {name: "\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1)) for name, texts in lines.items()}
    return {**_texts(record), **listed, "later": " and ".join(str(n) for n in range(2, len(tasks) + 1))}


def _marks(record: Record) -> str:
    return r"[0-9]{1,2}" + r", [0-9]{1,2}" * (len(parts(record.instruction)) - 2)


def marked(record: Record, reply: str) -> list[Task] | str:
    """The tasks by the numbers of the sentences that begin the answers to the second task, the third, …"""
    tasks, sentences = parts(record.instruction), pieces(record.response)
    begins = [1, *map(int, re.findall(r"[0-9]{1,4}", reply)), len(sentences) + 1]
    if len(begins) != len(tasks) + 1 or any(a >= b for a, b in pairwise(begins)):
        return "numbering"
    answers = ["\n".join(sentences[a - 1 : b - 1]) for a, b in pairwise(begins)]
    return [Task(task, answer) for task, answer in zip(tasks, answers, strict=True)]


def parts(instruction: str) -> list[str]:
    """The tasks of an instruction, cut where a sentence begins with a connective; one, if none does."""
    tasks: list[str] = []
    for sentence in pieces(instruction):
        begins = CONNECTIVE.match(sentence) is not None
        if begins or not tasks:
            tasks.append(sentence)
        else:
            tasks[-1] = f"{tasks[-1]} {sentence}"
    return tasks


def pieces(text: str) -> list[str]:
    """The sentences and lines of a text, none of them blank."""
    return [piece.strip() for piece in _SENTENCE.split(text) if piece.strip()]


FORMS = {"written": Form(_texts, written), "marked": Form(_numbered, marked, _marks)}
