"""What a question itself asks: its texts without the frame, the worked examples and the choices around them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator

from stages.evaluation.benchmarks.questions import Question, user_text

LABEL = re.compile(r"^[^:：\n]{1,40}[:：]\s*")
"""What a text may be introduced with: "Frage: "."""


def items(questions: Iterable[Question]) -> Iterator[tuple[str, str]]:
    """(item, text) for every text of the questions, see `texts`."""
    return ((question.item, text) for question in questions for text in texts(question))


def texts(question: Question) -> Iterator[str]:
    """What no training row should hold: the question in its language and, where it is known, in English.

    Worked examples are not among them: they are training rows.
    """
    yield from READERS.get(question.benchmark, _said)(question)


def _said(question: Question) -> Iterator[str]:
    """The input, else the instruction; with its label and without, and the English of it."""
    for text in (question.input or question.instruction, question.reference):
        yield from dict.fromkeys([text, LABEL.sub("", text)])


def _whole(question: Question) -> Iterator[str]:
    yield user_text(question)


def _passage(question: Question) -> Iterator[str]:
    """XQuAD's context and question, each by itself."""
    for text in (question.input, question.reference):
        context, _, asked = text.rpartition("\n\n")
        yield from (LABEL.sub("", part) for part in (context, asked))


def _without_choices(question: Question) -> Iterator[str]:
    """The choices are the last lines, one each; they are known by `meta`."""
    lines = question.input.split("\n")
    yield "\n".join(lines[: len(lines) - len(question.meta)])


def _documented(question: Question) -> Iterator[str]:
    """The question of lm-eval's own document, which has the choices apart."""
    yield str(json.loads(question.meta["doc"])["question"])


def _nothing(question: Question) -> Iterator[str]:
    """A question about a picture ("What colour is it?") is no leak without the picture."""
    yield from ()


READERS: dict[str, Callable[[Question], Iterator[str]]] = {
    "seqeval": _whole, "alpaca_eval": _whole, "xquad": _passage, "commonsenseqa": _without_choices,
    "mmlu": _documented, "arc": _documented, "gsm8k-harness": _documented, "vqav2": _nothing, "gqa": _nothing,
}  # fmt: skip
"""Benchmark -> what of its questions is asked, where it is not simply the input."""
