"""Rows of a corpus for the terminal: before, after each round, and the response, with the status of every step."""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from stages.core.records import Record, Rejected, Step, user_text
from stages.core.row_history import tasks

RULE = "─"
WIDTH = 100
"""Characters of the line between rows."""


class RowView(NamedTuple):
    """The texts of one row, as they are shown."""

    id: str
    before: str
    """The instruction and input in the corpus."""
    rounds: tuple[tuple[int, str, str], ...]
    """(round, what was done in it, the instruction after it; "" where it is unchanged)."""
    response: str
    """"" where there is none."""
    origin: str
    """Of the response: its model's status where that is not ok, or that it is the corpus's own."""
    rejected: str
    """Why the row is not in the result; "" where it is."""
    tasks: int
    """Number of tasks of the instruction, as in `row_history.tasks`."""


def row_views(
    before: Iterable[Record], rounds: Mapping[int, Iterable[Record]], responses: Iterable[Record],
    rejected: Iterable[Rejected],
) -> Iterator[RowView]:  # fmt: skip
    """A view of every row of the corpus, in its order.

    rounds: number -> the rows after it, as far as there are such. responses: of the last round; none where it has not
    run, and then only rows of a corpus that is not rewritten show a response, the corpus's own.
    """
    after = {number: {row.id: row for row in rows} for number, rows in sorted(rounds.items())}
    answered = {row.id: row for row in responses}
    reasons = {row.id: f"{row.reason} ({row.detail})" if row.detail else row.reason for row in rejected}
    for row in before:
        versions = [(number, rows[row.id]) for number, rows in after.items() if row.id in rows]
        last = answered.get(row.id) or (versions[-1][1] if versions else row)
        shown = answered.get(row.id) or (None if after else row)
        response, origin = (shown.response, _origin(shown)) if shown else ("", "")
        history = tuple(_rounds(row, versions))
        yield RowView(row.id, user_text(row), history, response, origin, reasons.get(row.id, ""), tasks(last))


def rejected_views(rejected: Iterable[Rejected]) -> Iterator[RowView]:
    """Views of rows that were rejected when the corpus was read: the row as far as it can be shown."""
    for row in rejected:
        text = json.dumps(row.row, ensure_ascii=False)
        yield RowView(row.id, text, (), "", "", f"{row.reason} ({row.detail})" if row.detail else row.reason, 1)


def _rounds(row: Record, versions: Sequence[tuple[int, Record]]) -> Iterator[tuple[int, str, str]]:
    instruction = row.instruction
    for number, version in versions:
        steps = [step for step in version.steps if step.stage == "rewrite" and step.round == number]
        done = ", ".join(" ".join(filter(None, (s.action, _ending(s.status, s.reason)))) for s in steps) or "not asked"
        yield number, done, version.instruction if version.instruction != instruction else ""
        instruction = version.instruction


def _ending(status: str, reason: str) -> str:
    """A description of a step whose status is not ok."""
    if status == "ok":
        return ""
    return f"{status}: {reason}" if reason else status


def _origin(row: Record) -> str:
    made: Step | None = next((step for step in reversed(row.steps) if step.stage == "respond"), None)
    if made is None or made.action == "keep":
        return "the corpus's own"
    return _ending(made.status, made.reason)


def selected(
    views: Iterable[RowView], ids: Sequence[str], chains: bool, rejected: bool, sample: int | None, seed: int
) -> list[RowView]:
    """The chosen views, in order. ids: beginnings of ids, or none for all rows. sample: so many, by `seed`."""
    chosen = [
        view for view in views
        if (not ids or view.id.startswith(tuple(ids))) and (not chains or view.tasks > 1)
        and (not rejected or view.rejected)
    ]  # fmt: skip
    if sample is None or sample >= len(chosen):
        return chosen
    return [chosen[place] for place in sorted(Random(seed).sample(range(len(chosen)), sample))]


def terminal_text(view: RowView) -> str:
    """A view as lines of text. Control characters are written out, so that no text controls the terminal."""
    count = f"{view.tasks} tasks" if view.tasks > 1 else "1 task"
    parts = [f"{RULE * 3} {view.id}  {count} ".ljust(WIDTH, RULE), _labelled("before", view.before)]
    for number, done, instruction in view.rounds:
        label = f"round {number}: {done}"
        parts.append(_labelled(label, instruction) if instruction else f"{label}; instruction unchanged")
    label = f"response ({view.origin})" if view.origin else "response"
    parts += [_labelled(label, view.response)] if view.response else []
    parts += [f"rejected: {view.rejected}"] if view.rejected else []
    return printable("\n".join(parts)) + "\n"


def _labelled(label: str, text: str) -> str:
    return "\n".join([label, *(f"    {line}" for line in text.splitlines())])


def printable(text: str) -> str:
    """The text with control and format characters written as \\xNN or \\uNNNN, but for line ends and tabs."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") or char in "\u200c\u200d"
        else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )  # fmt: skip
