"""Checks of verified tasks, and answers with one thing wrong."""

from datetime import timedelta
from random import Random

from stages.verified import typed_values
from stages.verified.inputs import draw_input
from stages.verified.task_types import TaskType
from stages.verified.typed_values import Value, ValueType
from stages.verified.verified_rows import Check


def broken(type: ValueType, value: Value) -> Value:
    """The value with exactly one thing wrong."""
    if type == "decision":
        return not value
    if type == "number":
        return value + 1
    if type == "date":
        return value + timedelta(1)
    if type == "object":
        return {**value, next(iter(value)): -1}
    if type in ("words", "numbers", "dates"):
        return (*value[:-1], broken({"words": "word", "numbers": "number", "dates": "date"}[type], value[-1]))  # type: ignore[arg-type]
    return value[:-2] + ("q" if value[-2:-1] != "q" else "z") + value[-1:] if len(value) > 1 else value + "q"


def drawn(task: TaskType, random: Random) -> tuple[Value, Check]:
    """A check of this type of task on an input that allows one."""
    while True:
        value = draw_input(random, task.takes)
        arguments = task.draw(random, value)
        if arguments is not None and (answer := task.answer(value, **arguments)) not in ((), "", {}):
            return value, Check(task.name, dict(arguments), 0, task.gives, typed_values.render(task.gives, answer))
