"""Sequences of 1 to 20 tasks with their right answers, each drawn from a seed and its own number alone."""

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import Any, Literal, NamedTuple

import msgspec

from stages.verified import list_tasks, number_and_date_tasks, structure_tasks, text_tasks, typed_values
from stages.verified.inputs import MAKERS, draw_input
from stages.verified.phrases import Layout, Phrases, phrases, sentence
from stages.verified.task_types import TASK_TYPES, TaskType
from stages.verified.typed_values import Value, ValueType

MODULES = (text_tasks, list_tasks, number_and_date_tasks, structure_tasks)
"""The modules that define the types of task; importing them fills TASK_TYPES."""
LONGEST = 20
"""The most tasks of a sequence."""
Structure = Literal["independent", "dependent", "mixed"]
"""independent: every task is about the input. dependent: each is about the result of the one before. mixed: either."""
Selection = Literal["seen", "unseen", "all"]
"""seen: what training may use. unseen: what is held out of it. all: both."""
LARGEST = 100_000
"""The largest number of an answer, in absolute value."""
TRIES = 40
"""Draws of a task before the structure allows no further one."""


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task of a sequence as data: which function checks it, with which arguments, on which value. Never code."""

    task: str
    """A key of `TASK_TYPES`."""
    arguments: dict[str, Any]
    source: int
    """0: the task is about the input. k: it is about the right answer of task k, counted from 1."""
    type: ValueType
    """Of the answer."""
    answer: str
    """The right answer as `typed_values.render` writes it."""


class Verified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sequence of tasks over one input, with the right response and what checks another one."""

    id: str
    """"<seed>-<number>"."""
    language: str
    structure: Structure
    layout: Layout
    instruction: str
    input: str
    response: str
    input_type: ValueType
    checks: tuple[Check, ...]


class Settings(NamedTuple):
    """What sequences are drawn from."""

    lengths: Sequence[int] = (1, 2, 3)
    """Numbers of tasks, each from 1 to 20; drawn uniformly."""
    structures: Sequence[Structure] = ("independent", "dependent", "mixed")
    languages: Sequence[str] = ("en",)
    types: Selection = "seen"
    wordings: Selection = "seen"


class _Drawn(NamedTuple):
    """A task drawn, and the value of its answer."""

    task: TaskType
    arguments: dict[str, Any]
    source: int
    answer: Value


def sequences(seed: int, count: int, settings: Settings, start: int = 0) -> Iterator[Verified]:
    """`count` sequences, numbered from `start`. Number n is the same whatever the others are.

    Raises ValueError for a length that is not from 1 to 20, and for settings that no sequence satisfies.
    """
    if not settings.lengths or not all(1 <= length <= LONGEST for length in settings.lengths):
        raise ValueError(f"lengths: {list(settings.lengths)}; each is a number from 1 to {LONGEST}")
    pools = _pools(settings)
    return (_sequence(f"{seed}-{number}", settings, pools) for number in range(start, start + count))


def _pools(settings: Settings) -> dict[str, dict[ValueType, list[TaskType]]]:
    """Language -> type taken -> types of task that the settings allow, and that have a wording in the language."""
    wanted = {"seen": (False,), "unseen": (True,), "all": (False, True)}[settings.types]
    pools: dict[str, dict[ValueType, list[TaskType]]] = {language: {} for language in settings.languages}
    for language, pool in pools.items():
        for task in TASK_TYPES.values():
            if task.held_out in wanted and task.name in phrases(language).tasks:
                pool.setdefault(task.takes, []).append(task)
        if not any(type in MAKERS for type in pool):
            raise ValueError(f"no type of task is {settings.types} and worded in {language!r}")
    return pools


def _sequence(id: str, settings: Settings, pools: dict[str, dict[ValueType, list[TaskType]]]) -> Verified:
    """Draw until a whole sequence comes out: some inputs allow no chain of the wanted length."""
    random = Random(f"verified:{id}")
    language = random.choice(settings.languages)
    length, structure = random.choice(settings.lengths), random.choice(settings.structures)
    pool = pools[language]
    starts = [type for type in MAKERS if type in pool]
    while True:
        type = random.choice(starts)
        value = draw_input(random, type)
        tasks = list(islice(_tasks(random, type, value, structure, pool), length))
        if len(tasks) == length:
            return _worded(random, id, settings, language, structure, (type, value), tasks)


def _tasks(
    random: Random, type: ValueType, value: Value, structure: Structure, pool: dict[ValueType, list[TaskType]]
) -> Iterator[_Drawn]:
    """Tasks one after another, until none can be drawn."""
    drawn: list[_Drawn] = []
    used: set[tuple[str, int]] = set()
    misses = 0
    while misses < TRIES:
        source = _source(random, structure, drawn)
        about = (drawn[source - 1].task.gives, drawn[source - 1].answer) if source else (type, value)
        task = _task(random, about, source, pool, used)
        if task is None:
            misses += 1
            continue
        drawn.append(task)
        yield task


def _source(random: Random, structure: Structure, drawn: list[_Drawn]) -> int:
    if not drawn or structure == "independent":
        return 0
    return len(drawn) if structure == "dependent" or random.random() < 0.5 else 0


def _task(
    random: Random,
    about: tuple[ValueType, Value],
    source: int,
    pool: dict[ValueType, list[TaskType]],
    used: set[tuple[str, int]],
) -> _Drawn | None:
    """A task about a value that it changes; None where the draw gives none."""
    type, value = about
    if not (choices := pool.get(type)):
        return None
    task = random.choice(choices)
    # The same task twice about one value adds nothing new while others are left.
    if (task.name, source) in used and any((other.name, source) not in used for other in choices):
        return None
    arguments = task.draw(random, value)
    if arguments is None:
        return None
    answer = task.answer(value, **arguments)
    if answer in ((), "", {}) or (source and answer == value) or _unwieldy(task.gives, answer):
        return None
    used.add((task.name, source))
    return _Drawn(task, dict(arguments), source, answer)


def _unwieldy(type: ValueType, answer: Value) -> bool:
    """Whether a number has grown beyond what anybody computes without paper."""
    return type in ("number", "numbers") and any(abs(n) > LARGEST for n in (answer if type == "numbers" else (answer,)))


def _worded(
    random: Random, id: str, settings: Settings, language: str, structure: Structure,
    input: tuple[ValueType, Value], tasks: list[_Drawn],
) -> Verified:  # fmt: skip
    words = phrases(language)
    layout: Layout = random.choice(("numbered", "lines"))
    sentences = []
    for number, drawn in enumerate(tasks):
        nouns = words.nouns.previous if drawn.source else words.nouns.input
        wording = random.choice(_allowed(words.tasks[drawn.task.name], settings.wordings))
        noun, noun_of = nouns[drawn.task.takes]
        text = wording.replace("{it}", noun).replace("{of}", noun_of)
        for name, value in drawn.arguments.items():
            text = text.replace(f"{{{name}}}", str(value))
        openings = _openings(words, number, len(tasks))
        sentences.append(sentence(random.choice(openings) if len(tasks) > 1 else "", text))
    if len(tasks) > 1:
        sentences.append(random.choice(words.layouts[layout]))
    checks = tuple(
        Check(d.task.name, d.arguments, d.source, d.task.gives, typed_values.render(d.task.gives, d.answer))
        for d in tasks
    )
    response, shown = respond(checks, layout), typed_values.render(*input)
    return Verified(id, language, structure, layout, " ".join(sentences), shown, response, input[0], checks)


def _openings(words: Phrases, number: int, count: int) -> tuple[str, ...]:
    if number == 0:
        return words.openings.first
    return words.openings.last if number == count - 1 else words.openings.middle


def _allowed(every: tuple[str, ...], selection: Selection) -> tuple[str, ...]:
    """Of several wordings the last is held out; a single one serves both."""
    if selection == "all" or len(every) == 1:
        return every
    return every[:-1] if selection == "seen" else every[-1:]


def respond(checks: Sequence[Check], layout: Layout) -> str:
    """The right response in a layout."""
    if len(checks) == 1:
        return checks[0].answer
    if layout == "numbered":
        return "\n".join(f"{number}. {check.answer}" for number, check in enumerate(checks, 1))
    return "\n".join(check.answer for check in checks)


def recompute(input_type: ValueType, input: str, checks: Sequence[Check]) -> list[str]:
    """The right answers computed anew from the input and the names and arguments of the checks.

    Raises ValueError where the input is not of its type, and KeyError for a type of task that is not known: rows from
    elsewhere are checked by this before anybody is graded by them.
    """
    results: list[tuple[ValueType, Value]] = [(input_type, _parsed(input_type, input))]
    for check in checks:
        task = TASK_TYPES[check.task]
        type, value = results[check.source]
        if type != task.takes:
            raise ValueError(f"{check.task} is about a {task.takes}, not about a {type}")
        results.append((task.gives, task.answer(value, **check.arguments)))
    return [typed_values.render(type, value) for type, value in results[1:]]


def _parsed(type: ValueType, text: str) -> Value:
    if type == "code":
        return text
    value = typed_values.parse(type, text)
    if value is None:
        raise ValueError(f"not a {type}: {text!r:.60}")
    return value
