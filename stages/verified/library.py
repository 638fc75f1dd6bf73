"""Every type of task, by importing the modules that define them."""

from stages.verified import list_tasks, number_and_date_tasks, structure_tasks, text_tasks
from stages.verified.task_types import TASK_TYPES, TaskType
from stages.verified.values import ValueType

__all__ = ["MODULES", "TASK_TYPES", "taking"]

MODULES = (text_tasks, list_tasks, number_and_date_tasks, structure_tasks)


def taking(type: ValueType) -> list[TaskType]:
    """The types of task about values of this type, in the order of definition."""
    return [task for task in TASK_TYPES.values() if task.takes == type]
