"""Rows whose responses are graded: each is accepted, gets further responses, or is rejected with a reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Literal

from stages.core.completions import Complete, Prompt, Reply, Sampling, ask, draw_seed
from stages.core.records import Record
from stages.response_filter.response_grades import Candidate, Grade, GradeResponses
from stages.seqinstruct.responses import conversation

REASONS = {
    "check": "no response satisfies every check of the row",
    "judge": "the judge accepts no response",
    "no-verdict": "the judge gave no verdict on the last response",
    "enough": "as many rows as wanted were accepted before it",
}
"""Why a row is rejected: a closed list."""
BLOCK, LEAST = 64, 8
"""Rows, at most and at least, that are finished before it is known how many are accepted and how many requests are
left. Constants, so that the outcome depends on neither the speed of engines nor the number of workers."""


@dataclass(frozen=True)
class FilterConfig:
    """How rows are filtered."""

    seed: int
    round: int
    """The round of the responses that are read."""
    sampling: Sampling
    keep: tuple[str, ...]
    """Reply statuses whose response is graded: ok, truncated."""
    attempts: int
    """Requests that may fail for a row."""
    samples: int
    """Responses to a row at most, the one that it has among them."""
    choose: Literal["first", "best"]
    """first: the first accepted response. best: that with the largest score of `samples` responses, if accepted."""
    rows: int | None = None
    """Rows to accept; None for all."""
    budget: int | None = None
    """Requests for further responses at most; None for any number."""


@dataclass(frozen=True)
class Response:
    """A response to a row, and its grade once there is one."""

    text: str
    reply: Reply | None = None
    """None for the response that the row came with."""
    grade: Grade | None = None

    @property
    def accepted(self) -> bool:
        """Whether the filter accepts it."""
        return self.grade is not None and self.grade.accepted


@dataclass(frozen=True)
class CandidateRow:
    """A row with its responses so far, the one that it came with first."""

    record: Record
    responses: tuple[Response, ...] = ()
    replies: tuple[Reply, ...] = ()
    """Every reply that was received for it, also those without a usable response."""
    failures: int = 0
    reason: str = ""
    """"enough" for a row that was not looked at."""

    @property
    def chosen(self) -> Response | None:
        """The accepted response with the largest score, the first of equal ones; None where none is accepted."""
        accepted = [response for response in self.responses if response.accepted]
        return max(accepted, key=lambda one: one.grade.score if one.grade else 0.0, default=None)

    @property
    def last(self) -> Response:
        """The last response."""
        return self.responses[-1]


def filter_rows(
    records: Iterable[Record], complete: Complete, grade: GradeResponses, config: FilterConfig
) -> Iterator[CandidateRow]:
    """Each record in order, with its responses and their grades.

    With `rows` or `budget` records are taken in blocks: as many as are still wanted, between `LEAST` and `BLOCK`. Once
    as many rows as wanted are accepted, the others have the reason "enough". A row for which the budget has no request
    left is graded as it is.
    """
    if config.rows is None and config.budget is None:
        return _graded_rows(records, complete, grade, config)
    return _limited_rows(iter(records), complete, grade, config)


def _limited_rows(
    records: Iterator[Record], complete: Complete, grade: GradeResponses, config: FilterConfig
) -> Iterator[CandidateRow]:  # fmt: skip
    accepted, left = 0, config.budget
    while config.rows is None or accepted < config.rows:
        more = config.samples - 1
        wanted = BLOCK if config.rows is None else min(BLOCK, max(LEAST, config.rows - accepted))
        size = wanted if left is None or not more else min(wanted, left // more)
        block = list(islice(records, size or wanted))
        if not block:
            return
        limited = config if size else replace(config, samples=1)
        for row in _graded_rows(block, complete, grade, limited):
            left = None if left is None else left - len(row.replies)
            is_wanted = row.chosen is None or config.rows is None or accepted < config.rows
            accepted += is_wanted and row.chosen is not None
            yield row if is_wanted else replace(row, reason="enough")
    yield from (CandidateRow(record, (Response(record.response),), reason="enough") for record in records)


def _graded_rows(
    records: Iterable[Record], complete: Complete, grade: GradeResponses, config: FilterConfig
) -> Iterator[CandidateRow]:  # fmt: skip
    """Streams on top of each other, one a response, as in `completions.retry`: the first row's second response does not
    wait for the last row's first."""
    rows: Iterator[CandidateRow] = (CandidateRow(record, (Response(record.response),)) for record in records)
    rows = _with_grades(rows, grade, config)
    more = config.samples - 1
    for _ in range(more + config.attempts - 1 if more else 0):
        rows = _with_grades(_with_responses(rows, complete, config), grade, config)
    return rows


def _with_grades(
    rows: Iterable[CandidateRow], grade: GradeResponses, config: FilterConfig
) -> Iterator[CandidateRow]:  # fmt: skip
    for row, given in ask(grade, rows, partial(_candidate, config)):
        yield row if given is None else replace(row, responses=(*row.responses[:-1], replace(row.last, grade=given)))


def _candidate(config: FilterConfig, row: CandidateRow) -> Candidate | None:
    """The last response, if it has no grade yet."""
    if row.last.grade is not None:
        return None
    number = len(row.replies)
    return Candidate(f"{row.record.id}/respond:{config.round}/{number}", row.record, row.last.text)


def _with_responses(
    rows: Iterable[CandidateRow], complete: Complete, config: FilterConfig
) -> Iterator[CandidateRow]:  # fmt: skip
    for row, reply in ask(complete, rows, partial(_request, config)):
        yield row if reply is None else _read_reply(row, reply, config)


def _request(config: FilterConfig, row: CandidateRow) -> Prompt | None:
    """The request for another response; None for a row that needs none.

    Its seed is another one than that of `respond`, so that no response that is there is drawn again.
    """
    settled = row.chosen is not None and config.choose == "first"
    if settled or len(row.replies) >= config.samples - 1 or row.failures >= config.attempts:
        return None
    seed = draw_seed(config.seed, row.record.id, f"respond:{config.round}/filter")
    purpose = f"{row.record.id}/respond"
    return Prompt(conversation(row.record), config.sampling, seed, sample=len(row.replies), purpose=purpose)


def _read_reply(row: CandidateRow, reply: Reply, config: FilterConfig) -> CandidateRow:
    if reply.status == "failed":
        return replace(row, failures=row.failures + 1)
    row = replace(row, replies=(*row.replies, reply))
    usable = reply.status in config.keep and reply.text.strip()
    return replace(row, responses=(*row.responses, Response(reply.text.strip(), reply))) if usable else row
