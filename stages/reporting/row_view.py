"""Rows of a corpus for the terminal: before, after each round, and the response, with the status of every step."""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

import msgspec

from stages.core.records import Record, Rejected, Step, user_text
from stages.core.row_history import tasks

RULE = "─"
WIDTH = 100
"""Characters of the line between rows."""
LONGEST_REPLY = 1000
"""Characters of a reply that are shown."""


class FailedAttempt(NamedTuple):
    """An attempt at a row that came to nothing."""

    place: str
    """ "round 2" or "response"."""
    reason: str
    """The status and, where there is one, its reason."""
    replies: tuple[str, ...]
    """Keys of the model's replies in the reply store, in the order they were asked."""


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
    failures: tuple[FailedAttempt, ...] = ()
    """Rounds that rejected, failed or did not understand what the model wrote for the row, and a rejected response."""


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
    unanswered = {row.id: row for row in rejected}
    for row in before:
        versions = [(number, rows[row.id]) for number, rows in after.items() if row.id in rows]
        last = answered.get(row.id) or (versions[-1][1] if versions else row)
        shown = answered.get(row.id) or (None if after else row)
        response, origin = (shown.response, _origin(shown)) if shown else ("", "")
        history = tuple(_rounds(row, versions))
        lost = unanswered.get(row.id)
        failures = (*_failed_rounds(versions), *(_failed_response(lost) if lost else ()))
        reason = _reason(lost) if lost else ""
        yield RowView(row.id, user_text(row), history, response, origin, reason, tasks(last), failures)


def _reason(row: Rejected) -> str:
    return f"{row.reason} ({row.detail})" if row.detail else row.reason


def _failed_rounds(versions: Sequence[tuple[int, Record]]) -> Iterator[FailedAttempt]:
    for number, version in versions:
        for step in version.steps:
            if step.stage == "rewrite" and step.round == number and step.status not in ("ok", "frozen"):
                yield FailedAttempt(f"round {number}", _ending(step.status, step.reason), step.replies)


def _failed_response(row: Rejected) -> Iterator[FailedAttempt]:
    with suppress(msgspec.ValidationError):
        steps = msgspec.convert(row.row.get("steps", []), list[Step])
        if steps and steps[-1].stage == "respond":
            yield FailedAttempt("response", _reason(row), steps[-1].replies)


def rejected_views(rejected: Iterable[Rejected]) -> Iterator[RowView]:
    """Views of rows that were rejected when the corpus was read: the row as far as it can be shown."""
    for row in rejected:
        text = json.dumps(row.row, ensure_ascii=False)
        yield RowView(row.id, text, (), "", "", _reason(row), 1)


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
        and (not rejected or view.rejected or view.failures)
    ]  # fmt: skip
    if sample is None or sample >= len(chosen):
        return chosen
    return [chosen[place] for place in sorted(Random(seed).sample(range(len(chosen)), sample))]


def terminal_text(view: RowView, replies: Mapping[str, tuple[str, str]] | None = None) -> str:
    """A view as lines of text. Control characters are written out, so that no text controls the terminal.

    replies: key -> text and status of what the model wrote in attempts that failed; None where it is not wanted.
    """
    count = f"{view.tasks} tasks" if view.tasks > 1 else "1 task"
    parts = [f"{RULE * 3} {view.id}  {count} ".ljust(WIDTH, RULE), _labelled("before", view.before)]
    for number, done, instruction in view.rounds:
        label = f"round {number}: {done}"
        parts.append(_labelled(label, instruction) if instruction else f"{label}; instruction unchanged")
    label = f"response ({view.origin})" if view.origin else "response"
    parts += [_labelled(label, view.response)] if view.response else []
    parts += [f"rejected: {view.rejected}"] if view.rejected else []
    parts += [part for one in view.failures for part in _reply_parts(one, replies)] if replies is not None else []
    return printable("\n".join(parts)) + "\n"


def _reply_parts(failed: FailedAttempt, replies: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """What the model wrote in an attempt that failed, each text once."""
    texts: dict[tuple[str, str], list[int]] = {}
    for number, key in enumerate(failed.replies, 1):
        if key in replies:
            texts.setdefault(replies[key], []).append(number)
    yield f"{failed.place} came to nothing: {failed.reason}"
    for (text, status), numbers in texts.items():
        which = f"{', '.join(map(str, numbers))} of {len(failed.replies)}"
        label = f"{failed.place}, model's reply {which}{'' if status == 'ok' else f' ({status})'}"
        more = f"\n… {len(text) - LONGEST_REPLY:,} more characters" if len(text) > LONGEST_REPLY else ""
        whole = f"; all of it: `seqit replies show {failed.replies[numbers[0] - 1][:16]}`" if more else ""
        yield _labelled(label, f"{text[:LONGEST_REPLY]}{more}{whole}" if text else "(no text)")
    if missing := sum(key not in replies for key in failed.replies):
        yield f"{failed.place}: {missing} of {len(failed.replies)} replies are not in the reply store here"


def _labelled(label: str, text: str) -> str:
    return "\n".join([label, *(f"    {line}" for line in text.splitlines())])


def printable(text: str) -> str:
    """The text with control and format characters written as \\xNN or \\uNNNN, but for line ends and tabs."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") or char in "\u200c\u200d"
        else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )  # fmt: skip
