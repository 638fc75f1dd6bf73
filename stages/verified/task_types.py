"""What a type of task is: the values that it takes and gives, and the function that answers it."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from stages.verified.typed_values import Value, ValueType

Arguments = Mapping[str, Any]
"""The arguments of one task, as JSON values: {"letter": "a"}."""
Draw = Callable[[Random, Value], Arguments | None]
"""Arguments that make sense for a value, drawn with the record's own randomness; None where there are none."""


class TaskType(NamedTuple):
    """A type of task. The answer is a function of the value and the arguments alone."""

    name: str
    """"<type taken>.<what is done>", such as "words.sort"."""
    takes: ValueType
    gives: ValueType
    answer: Callable[..., Value]
    """(value, **arguments) -> the right answer."""
    draw: Draw
    held_out: bool
    """Whether the type is kept out of training, to test generalisation to tasks never seen."""


TASK_TYPES: dict[str, TaskType] = {}
"""Every type of task by its name, in the order of definition; filled when
`stages.verified.verified_rows` is imported."""


def nothing(_random: Random, _value: Value) -> Arguments:
    """The arguments of a task that has none."""
    return {}


def task(
    name: str, gives: ValueType, draw: Draw = nothing, held_out: bool = False
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Register the decorated function as the answer of a type of task. Raises ValueError for a name that is taken."""

    def register(answer: Callable[..., Value]) -> Callable[..., Value]:
        if name in TASK_TYPES:
            raise ValueError(f"two types of task are named {name}")
        takes: Any = name.partition(".")[0]
        TASK_TYPES[name] = TaskType(name, takes, gives, answer, draw, held_out)
        return answer

    return register
