"""The forms of a sequence: a chain, its first task alone, one row a task, or one turn a task.

Each form is computed from the same drawn sequence, so the rows of two forms are about the same inputs, tasks, wordings
and answers. They are the arms of a comparison: single tasks and chains, split and conversations (paper 5.1).
"""

from collections.abc import Callable, Iterator
from typing import Literal, get_args

from msgspec.structs import replace

from stages.verified.phrases import sentence
from stages.verified.sequence_wording import DrawnSequence, WordedTask, chain, imperative
from stages.verified.verified_rows import Verified

Form = Literal["chain", "first", "split", "turns"]
"""chain: all tasks in one instruction. first: the first task alone. split: a row a task. turns: a turn a task."""


def rows_of(drawn: DrawnSequence, form: Form) -> Iterator[Verified]:
    """The rows of a sequence in a form, at least one."""
    return _FORMS[form](drawn)


def _chain(drawn: DrawnSequence) -> Iterator[Verified]:
    yield chain(drawn)


def _first(drawn: DrawnSequence) -> Iterator[Verified]:
    yield chain(drawn._replace(tasks=drawn.tasks[:1], openings=drawn.openings[:1]))


def _split(drawn: DrawnSequence) -> Iterator[Verified]:
    """ "<id>.1", "<id>.2", …: what a task is about, the input or the answer before, is the input of its row."""
    for number, task in enumerate(drawn.tasks, 1):
        alone = replace(task.check, source=0)
        text = drawn.tasks[task.check.source - 1].check.answer if task.check.source else drawn.input
        part = drawn._replace(
            id=f"{drawn.id}.{number}", input=text, input_type=task.takes, tasks=(task._replace(check=alone),),
            openings=drawn.openings[:1],
        )  # fmt: skip
        yield chain(part)


def _turns(drawn: DrawnSequence) -> Iterator[Verified]:
    """The input stands in the first turn; each answer is alone in its turn."""
    first, *later = [_turn(task, drawn) for task in drawn.tasks]
    answers = [task.check.answer for task in drawn.tasks]
    whole = chain(drawn)
    if not later:
        yield whole
        return
    turns = [f"{first}\n\n{drawn.input}", *later]
    history = tuple(zip(turns[:-1], answers[:-1], strict=True))
    yield replace(whole, instruction=turns[-1], input="", response=answers[-1], history=history)


def _turn(task: WordedTask, drawn: DrawnSequence) -> str:
    return sentence("", imperative(task, drawn.language, task.check.source > 0))


_FORMS: dict[Form, Callable[[DrawnSequence], Iterator[Verified]]] = {
    "chain": _chain, "first": _first, "split": _split, "turns": _turns,
}  # fmt: skip
FORMS = get_args(Form)
