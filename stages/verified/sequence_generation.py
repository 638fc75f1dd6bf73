"""Sequences of 1 to 20 tasks with their right answers, each drawn from a seed and its own number alone."""

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import NamedTuple

from stages.verified.inputs import MAKERS, Size, draw_input
from stages.verified.phrases import Layout, phrases
from stages.verified.sequence_forms import Form, rows_of
from stages.verified.sequence_wording import DrawnSequence, DrawnTask, Selection, worded
from stages.verified.task_types import TASK_TYPES, TaskType
from stages.verified.typed_values import Value, ValueType
from stages.verified.verified_rows import Structure, Verified

LONGEST = 20
"""The most tasks of a sequence."""
LARGEST = 100_000
"""The largest number of an answer, in absolute value."""
TRIES = 40
"""Draws of a task before the structure allows no further one."""
STARTS = 2_000
"""Draws of an input before no sequence is as long as it must be."""
Pool = dict[ValueType, list[TaskType]]
"""Type taken -> types of task that the settings allow."""


class Settings(NamedTuple):
    """What sequences are drawn from."""

    lengths: Sequence[int] = (1, 2, 3)
    """Numbers of tasks, each from 1 to 20."""
    structures: Sequence[Structure] = ("independent", "dependent", "mixed")
    languages: Sequence[str] = ("en",)
    types: Selection = "seen"
    wordings: Selection = "seen"
    layouts: Sequence[Layout] = ("numbered", "lines")
    inputs: Size = "short"
    form: Form = "chain"


def sequences(seed: int, count: int, settings: Settings, start: int = 0) -> Iterator[Verified]:
    """The rows of `count` sequences, numbered from `start`. Those of number n are the same whatever the others are.

    Languages, structures and lengths take turns: of any block of as many sequences as they have combinations, each
    combination has one. Where only the number of tasks differs, input, first tasks and wordings are the same: each
    input allows as many tasks as the longest sequence has. Where only `form` differs, so does nothing but the form.

    Raises ValueError for a length that is not from 1 to 20, and for settings that no sequence satisfies.
    """
    if not settings.lengths or not all(1 <= length <= LONGEST for length in settings.lengths):
        raise ValueError(f"lengths: {list(settings.lengths)}; each is a number from 1 to {LONGEST}")
    pools = _pools(settings)
    drawn = (draw_sequence(seed, number, settings, pools) for number in range(start, start + count))
    return (row for sequence in drawn for row in rows_of(sequence, settings.form))


def _pools(settings: Settings) -> dict[str, Pool]:
    """Language -> the types of task that have a wording in it."""
    wanted = {"seen": (False,), "unseen": (True,), "all": (False, True)}[settings.types]
    pools: dict[str, Pool] = {language: {} for language in settings.languages}
    for language, pool in pools.items():
        for task in TASK_TYPES.values():
            if task.held_out in wanted and task.name in phrases(language).tasks:
                pool.setdefault(task.takes, []).append(task)
        if not any(type in MAKERS for type in pool):
            raise ValueError(f"no type of task is {settings.types} and worded in {language!r}")
    return pools


def draw_sequence(seed: int, number: int, settings: Settings, pools: dict[str, Pool]) -> DrawnSequence:
    """Draw inputs until one allows a sequence of the longest length, and keep as many tasks as this one has.

    pools: language -> what is drawn from. Raises ValueError where no input allows one.
    """
    id = f"{seed}-{number}"
    rest, place = divmod(number, len(settings.languages))
    language = settings.languages[place]
    rest, place = divmod(rest, len(settings.structures))
    structure = settings.structures[place]
    length, longest = settings.lengths[rest % len(settings.lengths)], max(settings.lengths)
    random, pool = Random(f"verified:{id}"), pools[language]
    starts = [type for type in MAKERS if type in pool]
    for _ in range(STARTS):
        type = random.choice(starts)
        value = draw_input(random, type, settings.inputs)
        tasks = list(islice(_tasks(random, type, value, structure, pool), longest))
        if len(tasks) == longest:
            words = Random(f"verified:{id}:words")
            return worded(
                words, language, id, structure, settings.layouts, settings.wordings, (type, value), tasks[:length]
            )
    raise ValueError(
        f"no sequence of {longest} tasks in {STARTS:,} draws (structure {structure}, types {settings.types}, language "
        f"{language}); name fewer tasks or another structure"
    )


def _tasks(random: Random, type: ValueType, value: Value, structure: Structure, pool: Pool) -> Iterator[DrawnTask]:
    """Tasks one after another, until none can be drawn."""
    drawn: list[DrawnTask] = []
    misses = 0
    while misses < TRIES:
        source = _source(random, structure, drawn)
        about = (drawn[source - 1].task.gives, drawn[source - 1].answer) if source else (type, value)
        task = _task(random, about, source, pool, drawn)
        if task is None:
            misses += 1
            continue
        drawn.append(task)
        yield task


def _source(random: Random, structure: Structure, drawn: list[DrawnTask]) -> int:
    if not drawn or structure == "independent":
        return 0
    return len(drawn) if structure == "dependent" or random.random() < 0.5 else 0


def _task(
    random: Random, about: tuple[ValueType, Value], source: int, pool: Pool, drawn: Sequence[DrawnTask]
) -> DrawnTask | None:
    """A task about a value that it changes, and that no task before was; None where the draw gives none."""
    type, value = about
    if not (choices := pool.get(type)):
        return None
    task = random.choice(choices)
    used = [other for other in drawn if other.source == source]
    # The same task twice about one value adds little while others are left.
    if any(other.task is task for other in used) and len({other.task.name for other in used}) < len(choices):
        return None
    arguments = task.draw(random, value)
    if arguments is None or any(other.task is task and other.arguments == arguments for other in used):
        return None
    answer = task.answer(value, **arguments)
    if answer in ((), "", {}) or (source and answer == value) or _unwieldy(task.gives, answer):
        return None
    return DrawnTask(task, dict(arguments), source, answer)


def _unwieldy(type: ValueType, answer: Value) -> bool:
    """Whether a number has grown beyond what anybody computes without paper."""
    return type in ("number", "numbers") and any(abs(n) > LARGEST for n in (answer if type == "numbers" else (answer,)))
