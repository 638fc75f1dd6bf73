"""Task level (paper 5.1): the tasks of a sequence as turns of one conversation (SIT-multi); every answer is trained
on."""

from msgspec.structs import replace

from stages.ablations.split import Split
from stages.core.records import Record, Turn


def turns(found: Split) -> Record:
    """The record with its tasks as turns: the earlier ones in `history`, the last as instruction and response.

    The input stays with the first turn, where it was given. Nothing is repaired: a turn may refer to the one before it.
    """
    record, (*earlier, last) = found.record, found.tasks
    step = replace(found.step, action=f"turns:{len(found.tasks)}")
    if not earlier:
        return record.step(step)
    first = f"{earlier[0].instruction}\n\n{record.input}" if record.input else earlier[0].instruction
    said = [first, *(task.instruction for task in earlier[1:])]
    history = tuple(Turn(text, task.response) for text, task in zip(said, earlier, strict=True))
    return record.step(
        step, instruction=last.instruction, input="", response=last.response, history=(*record.history, *history)
    )
