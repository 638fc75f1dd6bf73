"""Following task by task: which tasks of a sequence are done, by how many there are and by their place in the chain."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from stages.evaluation.benchmarks.questions import Answer, Judged, Question, Score, user_text
from stages.evaluation.benchmarks.sampling import Drawn, planted, sampled
from stages.evaluation.benchmarks.score_statistics import compare, means, summary, trends

Case = tuple[str, tuple[str, ...], str, str]
"""What a judge sees: (id, its tasks, the instruction, the response)."""


class Listing(Judged, Protocol):
    """The tasks of an instruction."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """In their order; empty if nobody could tell."""


class Marks(Judged, Protocol):
    """What a judge makes of a response's tasks."""

    @property
    def done(self) -> tuple[float, ...]:
        """One a task, above a half if it was done; empty if it is unscored."""


class Marker(NamedTuple):
    """Who lists the tasks of (id, instruction), and who marks them."""

    lists: Callable[[Iterable[tuple[str, str]]], Iterator[Listing]]
    marks: Callable[[Iterable[Case]], Iterator[Marks]]


class Marked(Score, frozen=True):
    """An answer task by task; values: following (1 if every task was done) and done (the share of its tasks). `tasks`
    is how many were listed; `group` how many the question was made with."""

    listed: tuple[str, ...] = ()
    marks: tuple[float, ...] = ()
    """One a task, above a half if it was done."""
    control: bool = False
    """The same tasks, but the answer to another question: what a judge must tell apart to be believed."""


def marking(
    questions: Sequence[Question], answers: Iterable[Answer], marker: Marker, drawn: Drawn
) -> tuple[list[Marked], dict[str, Any]]:
    """Every answer task by task, the controls last, and what they add up to (see `summed`).

    An answer without a text, or one whose tasks nobody could list, is unscored and its tasks are not lost ones.
    """
    asked = sampled(questions, drawn.sample, drawn.seed)
    lists = dict(zip((q.id for q in asked), marker.lists([(q.id, user_text(q)) for q in asked]), strict=True))
    known = {q.id: q for q in asked}
    pairs = [(known[a.question], a) for a in answers if a.question in known and a.sample == 0]
    told = [pair for pair in pairs if pair[1].has_text and lists[pair[0].id].tasks]
    swapped = planted(told[: drawn.controls])
    cases = [*(_case(q, a, lists, "tasks") for q, a in told), *(_case(q, a, lists, "control") for q, a in swapped)]
    marks = marker.marks(cases)
    settled = {answer.id: _marked(q, answer, lists[q.id], next(marks)) for q, answer in told}
    found = [settled.get(answer.id) or _unscored(question, answer, lists[question.id]) for question, answer in pairs]
    controls = [_marked(q, a, lists[q.id], m, True) for (q, a), m in zip(swapped, marks, strict=True)]
    return [*found, *controls], summed(found, controls, drawn)


def _case(question: Question, answer: Answer, lists: dict[str, Listing], kind: str) -> Case:
    return f"{question.id}/{answer.run}/{kind}", lists[question.id].tasks, user_text(question), answer.text


def _marked(question: Question, answer: Answer, listing: Listing, marks: Marks, control: bool = False) -> Marked:
    done = [float(mark > 0.5) for mark in marks.done]
    values = {"following": float(all(done)), "done": sum(done) / len(done)} if done else {}
    return _row(
        question, answer, listing, control, values=values, reason=marks.reason, marks=marks.done, judge=marks.judge,
        replies=(*listing.replies, *marks.replies), text_hashes=(*listing.text_hashes, *marks.text_hashes),
        verdict=marks.text,
    )  # fmt: skip


def _unscored(question: Question, answer: Answer, listing: Listing) -> Marked:
    why = (listing.reason or "no-tasks") if answer.has_text else f"answer-{answer.status}"
    return _row(question, answer, listing, False, reason=why, replies=listing.replies, text_hashes=listing.text_hashes)


def _row(question: Question, answer: Answer, listing: Listing, control: bool, **found: Any) -> Marked:
    return Marked(
        id=f"{question.id}/{'control' if control else answer.sample}", question=question.id, item=question.item,
        run=answer.run, language=question.language, group=str(question.tasks), tasks=max(1, len(listing.tasks)),
        status=answer.status, listed=listing.tasks, control=control, **found,
    )  # fmt: skip


def summed(found: Sequence[Marked], controls: Sequence[Marked], drawn: Drawn) -> dict[str, Any]:
    """What marks add up to, from the rows alone, so that nobody needs to be asked again.

    Beside `statistics.summary` (by number of tasks, with the trend): positions (share done of the first task, the
    second, …), places (of the first, a middle, the last task of a sequence), position_slope (change from one task to
    the next), control (share of tasks done, own answers minus planted ones).
    """
    single = [task for row in found for task in _tasks(row)]
    positions = {str(n): [t for t in single if t.tasks == n] for n in sorted({t.tasks for t in single})}
    places = {name: [t for t in single if t.group == name] for name in ("first", "middle", "last")}
    return {
        **summary(found),
        "positions": {name: means(rows)["done"] for name, rows in positions.items()},
        "places": {name: means(rows)["done"] for name, rows in places.items() if rows},
        "position_slope": trends(single),
        "control": compare(controls, found, "done", drawn.seed),
    }


def _tasks(row: Marked) -> Iterator[Score]:
    """One score for each task of an answer: `tasks` is its position from 1, `group` its place in a sequence."""
    for position, mark in enumerate(row.marks, 1):
        place = "first" if position == 1 else "last" if position == len(row.marks) else "middle"
        yield msgspec.structs.replace(
            row, tasks=position, group=place if len(row.marks) > 1 else "", values={"done": float(mark > 0.5)}
        )
