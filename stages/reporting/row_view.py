"""Rows of a corpus for the terminal: before, after each round, and the response, with the status of every step."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from stages.core.records import Record, Rejected, user_text

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
    rejected: str
    """Why the row is not in the result; "" where it is."""
    tasks: int
    """How many tasks the instruction has: one more for each rewrite that took effect."""


def row_views(
    before: Iterable[Record], rounds: Mapping[int, Iterable[Record]], responses: Iterable[Record],
    rejected: Iterable[Rejected],
) -> Iterator[RowView]:  # fmt: skip
    """A view of every row of the corpus, in its order. rounds: number -> the rows after it. responses: of the last."""
    after = {number: {row.id: row for row in rows} for number, rows in sorted(rounds.items())}
    answered = {row.id: row for row in responses}
    reasons = {row.id: f"{row.reason} ({row.detail})" if row.detail else row.reason for row in rejected}
    for row in before:
        versions = [(number, rows[row.id]) for number, rows in after.items() if row.id in rows]
        last = answered.get(row.id) or (versions[-1][1] if versions else row)
        response = answered[row.id].response if row.id in answered else ""
        history = tuple(_rounds(row, versions))
        yield RowView(row.id, user_text(row), history, response, reasons.get(row.id, ""), 1 + _effective(last))


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


def _effective(row: Record) -> int:
    return sum(step.stage == "rewrite" and step.status == "ok" and step.action != "hold" for step in row.steps)


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
    parts += [_labelled("response", view.response)] if view.response else []
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
