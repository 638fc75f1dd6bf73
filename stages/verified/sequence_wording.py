"""A drawn sequence in words: one sentence a task, then one that asks for a layout."""

from collections.abc import Sequence
from random import Random
from typing import Any, Literal, NamedTuple, TypeVar

from stages.verified import typed_values
from stages.verified.phrases import Layout, Phrases, phrases, sentence
from stages.verified.task_types import TaskType
from stages.verified.typed_values import Value, ValueType
from stages.verified.verified_rows import Check, Structure, Verified, respond

Item = TypeVar("Item")
Selection = Literal["seen", "unseen", "all"]
"""seen: what training may use. unseen: what is held out of it. all: both."""


class DrawnTask(NamedTuple):
    """A task drawn, and the value of its answer."""

    task: TaskType
    arguments: dict[str, Any]
    source: int
    answer: Value


class WordedTask(NamedTuple):
    """A task with the wording that is used of it, whatever it is about."""

    check: Check
    takes: ValueType
    template: str
    """The imperative, with {it} and {of} in place of what it is about."""


class DrawnSequence(NamedTuple):
    """A whole sequence before it takes a form."""

    id: str
    language: str
    structure: Structure
    layout: Layout
    input_type: ValueType
    input: str
    tasks: tuple[WordedTask, ...]
    openings: tuple[str, ...]
    """One a task; used where there are several."""
    request: str
    """The sentence that asks for the layout."""


def worded(
    random: Random, language: str, id: str, structure: Structure, layouts: Sequence[Layout], wordings: Selection,
    input: tuple[ValueType, Value], tasks: Sequence[DrawnTask],
) -> DrawnSequence:  # fmt: skip
    """The sequence with its wordings drawn. Those of the first k tasks do not depend on the tasks behind them."""
    words = phrases(language)
    layout = _pick(random, layouts)
    request = _pick(random, words.layouts[layout])
    drawn = []
    openings = []
    for number, task in enumerate(tasks):
        drawn.append(_worded_task(random, words, task, wordings))
        openings.append(_pick(random, _openings(words, number, len(tasks))))
    return DrawnSequence(
        id, language, structure, layout, input[0], typed_values.render(*input), tuple(drawn), tuple(openings), request
    )


def chain(drawn: DrawnSequence) -> Verified:
    """All tasks in one instruction."""
    checks = tuple(task.check for task in drawn.tasks)
    texts = [imperative(task, drawn.language, task.check.source > 0) for task in drawn.tasks]
    sentences = [sentence(opening, text) for opening, text in zip(drawn.openings, texts, strict=True)]
    instruction = " ".join([*sentences, drawn.request]) if len(texts) > 1 else sentence("", texts[0])
    return Verified(
        drawn.id, drawn.language, drawn.structure, drawn.layout, instruction, drawn.input,
        respond(checks, drawn.layout), drawn.input_type, checks,
    )  # fmt: skip


def imperative(task: WordedTask, language: str, previous: bool) -> str:
    """The task as an imperative about the input, or about the result of the step before."""
    nouns = phrases(language).nouns
    noun, noun_of = (nouns.previous if previous else nouns.input)[task.takes]
    return task.template.replace("{it}", noun).replace("{of}", noun_of)


def _worded_task(random: Random, words: Phrases, drawn: DrawnTask, wordings: Selection) -> WordedTask:
    text = _pick(random, _allowed(words.tasks[drawn.task.name], wordings))
    for name, value in drawn.arguments.items():
        text = text.replace(f"{{{name}}}", str(value))
    answer = typed_values.render(drawn.task.gives, drawn.answer)
    check = Check(drawn.task.name, drawn.arguments, drawn.source, drawn.task.gives, answer)
    return WordedTask(check, drawn.task.takes, text)


def _pick(random: Random, items: Sequence[Item]) -> Item:
    """An item, by one draw whatever their number, so that what is drawn next does not depend on it."""
    return items[int(random.random() * len(items))]


def _openings(words: Phrases, number: int, count: int) -> tuple[str, ...]:
    if number == 0:
        return words.openings.first
    return words.openings.last if number == count - 1 else words.openings.middle


def _allowed(every: tuple[str, ...], selection: Selection) -> tuple[str, ...]:
    """Of several wordings the last is held out; a single one serves both."""
    if selection == "all" or len(every) == 1:
        return every
    return every[:-1] if selection == "seen" else every[-1:]
