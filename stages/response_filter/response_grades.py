"""Grades of responses to a row: whether they are accepted, by the row's checks or by a judge."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from stages.core.records import Record, user_text
from stages.evaluation.verdict_types import Exchange, RateResponses, Rating
from stages.verified.response_checks import check_response


class Candidate(NamedTuple):
    """A response to grade."""

    id: str
    """Of the request about it: unique among all candidates of a stage."""
    record: Record
    text: str


class Grade(NamedTuple):
    """What a filter says of a response."""

    accepted: bool
    score: float
    """The larger the better, among the responses to one row."""
    reason: str = ""
    """Why it is not accepted: check, judge or no-verdict (`candidate_rows.REASONS`); "" where it is."""
    detail: str = ""
    """The same for people: the checks that failed, or the judge's marks."""
    replies: tuple[str, ...] = ()
    """Keys of the judge's replies in the reply store."""
    text_hashes: tuple[str, ...] = ()
    judge: str = ""
    """Identity of the judge."""


GradeResponses = Callable[[Iterable[Candidate | None]], Iterator[Grade | None]]
"""A grade for each candidate, in order; None stays None."""
NO_CHECKS = Grade(True, 1.0, detail="no checks")
"""The grade of a response to a row without checks: no rule speaks against it."""


def grade_by_checks(candidates: Iterable[Candidate | None]) -> Iterator[Grade | None]:
    """A response is accepted if it satisfies every check of its row; the score is the share that it satisfies."""
    return (None if candidate is None else _checked(candidate) for candidate in candidates)


def _checked(candidate: Candidate) -> Grade:
    if not candidate.record.checks:
        return NO_CHECKS
    results = check_response(candidate.text, candidate.record.checks)
    failed = [result.name for result in results if not result.satisfied]
    score = 1 - len(failed) / len(results)
    return Grade(False, score, "check", ", ".join(failed)) if failed else Grade(True, score)


def grade_by_judge(rate: RateResponses, min_quality: float | None) -> GradeResponses:
    """A function that accepts a response if the judge says that every task is carried out, and its quality suffices.

    rate: the judge. min_quality: the least mark of those that the judge gives; None for any. The score is the mark,
    with those that carry out every task first.
    """

    def grade(candidates: Iterable[Candidate | None]) -> Iterator[Grade | None]:
        ratings = rate(None if one is None else _exchange(one) for one in candidates)
        return (None if rating is None else _judged(rating, min_quality) for rating in ratings)

    return grade


def _exchange(candidate: Candidate) -> Exchange:
    """What the judge reads: the system prompt and earlier turns, if there are such, before the last instruction."""
    record = candidate.record
    turns = [f"User: {turn.instruction}\n\nAssistant: {turn.response}" for turn in record.history]
    before = [record.system] if record.system else []
    if not turns and not before:
        return Exchange(candidate.id, user_text(record), candidate.text)
    last = f"User: {user_text(record)}" if turns else user_text(record)
    return Exchange(candidate.id, "\n\n".join([*before, *turns, last]), candidate.text)


def _judged(rating: Rating, min_quality: float | None) -> Grade:
    evidence = {"replies": rating.replies, "text_hashes": rating.text_hashes, "judge": rating.judge}
    if not rating.values:
        return Grade(False, 0.0, "no-verdict", rating.reason, **evidence)  # type: ignore[arg-type]
    follows, quality = rating.values.get("following", 1.0) > 0.5, rating.values.get("quality")
    good = min_quality is None or (quality is not None and quality >= min_quality)
    detail = ", ".join(f"{metric} {value:g}" for metric, value in sorted(rating.values.items()))
    score = 10.0 * follows + (quality or 0.0)
    reason = "" if follows and good else "judge"
    return Grade(not reason, score, reason, "" if not reason else detail, **evidence)  # type: ignore[arg-type]
