"""What the steps of a row say of its instruction: how many tasks it has, and which action took effect last."""

import re

from stages.core.records import Record, Step

REWRITING = ("rewrite", "evolve", "augment")
"""Stages whose steps change instructions."""
UNDIVIDED = ("whole", "turns:1")
"""Actions of `split` that left a row as it was."""
HTTP = re.compile(r"HTTP \d{3}\b")


def took_effect(step: Step) -> bool:
    """Whether this step gave the row a new instruction."""
    return _could(step) and step.status == "ok" and step.action != "hold"


def tasks(record: Record) -> int:
    """Number of tasks of the instruction: one, and one for each task that a round or a manual chain added.

    A row that `split` made of a sequence has one. A source row counts as one task, whatever it asks for.
    """
    divided = [n for n, step in enumerate(record.steps) if step.stage == "split" and step.action not in UNDIVIDED]
    later = record.steps[divided[-1] :] if divided else record.steps
    return 1 + sum(step.stage != "evolve" and took_effect(step) for step in later)


def last_change(record: Record) -> Step | None:
    """The last step that took effect; None where the instruction is that of the source."""
    return next((step for step in reversed(record.steps) if took_effect(step)), None)


def rounds(record: Record) -> int:
    """Number of rounds of Seq-Instruct and of evolution that the row went through, whatever came of them."""
    return sum(step.stage != "augment" and _could(step) for step in record.steps)


def response_step(record: Record) -> Step | None:
    """The step in which a model wrote the response, or the last part of it; None for a response of the source's own."""
    for step in reversed(record.steps):
        if step.stage == "respond" or (step.stage, step.action) == ("evolve", "respond"):
            return None if step.action == "keep" else step
        added = step.stage == "augment" or (step.stage == "split" and step.action not in UNDIVIDED)
        if added and step.status == "ok" and step.replies:
            return step
    return None


def last_attempt(record: Record) -> Step | None:
    """The last step that could have changed the instruction, whatever came of it; None for none."""
    return next((step for step in reversed(record.steps) if _could(step)), None)


def action(record: Record) -> str:
    """The action of the last step that took effect; "hold" where none did and the last round held the row; else ""."""
    change, attempt = last_change(record), last_attempt(record)
    if change is not None:
        return change.action
    return "hold" if attempt is not None and attempt.status in ("ok", "frozen") else ""


def _could(step: Step) -> bool:
    """Whether this step was to change the instruction; WizardLM's responses are steps of `evolve` too."""
    return step.stage in REWRITING and step.action != "respond"


def cause(step: Step) -> str:
    """Why a step came to nothing, in one or two words: the HTTP status of a failed request, else the status.

    The reason of a failed step is the engine's error and may hold a server's whole text.
    """
    http = HTTP.search(step.reason) if step.status in ("failed", "refused") else None
    return http[0] if http else step.status
