"""The rows that a filter makes: accepted ones with their steps, rejected ones, and preference pairs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from stages.core.completions import recorded
from stages.core.records import Record, Rejected, Step
from stages.response_filter.candidate_rows import REASONS, CandidateRow, FilterConfig, Response
from stages.response_filter.preference_pairs import PreferencePair


class FilteredRows:
    """Turns filtered rows into rows of artifacts, and counts them."""

    def __init__(self, config: FilterConfig, action: str, prompt: str = "") -> None:
        """action: of the steps, checks or judge. prompt: the hash of the judge's prompt file, "" for none."""
        self._config, self._action, self._prompt = config, action, prompt
        self._accepted: Counter[str] = Counter()
        self._grades: Counter[str] = Counter()
        self._requested = self._failures = self._pairs = self._ungraded = 0

    def split(self, rows: Iterable[CandidateRow]) -> Iterator[tuple[str, Record | Rejected | PreferencePair]]:
        """Each row as ("rows", record) or ("rejected", row), in order; after an accepted row its ("pairs", pair)s."""
        for row in rows:
            self._count(row)
            record = self._record(row)
            if row.reason or row.chosen is None:
                yield "rejected", _rejected(row, record)
            else:
                yield "rows", record
                for pair in _pairs(row, record):
                    self._pairs += 1
                    yield "pairs", pair

    def summary(self) -> dict[str, Any]:
        """Counts, as metrics.

        accepted_at: place of the accepted response, 1 for the one that the row came with -> rows. responses: graded
        responses, "accepted" and by the reason why not. requested: replies to requests for further responses.
        without_checks: graded responses to rows without checks, which are accepted.
        """
        return {
            "accepted": self._accepted.total(), "accepted_at": dict(sorted(self._accepted.items())),
            "responses": dict(sorted(self._grades.items())), "requested": self._requested,
            "failed_requests": self._failures, "pairs": self._pairs, "without_checks": self._ungraded,
        }  # fmt: skip

    def _count(self, row: CandidateRow) -> None:
        self._requested += len(row.replies)
        self._failures += row.failures
        grades = [response.grade for response in row.responses if response.grade]
        self._grades.update(grade.reason or "accepted" for grade in grades)
        self._ungraded += sum(grade.detail == "no checks" for grade in grades)
        if not row.reason and row.chosen is not None:
            self._accepted[str(row.responses.index(row.chosen) + 1)] += 1

    def _record(self, row: CandidateRow) -> Record:
        """The record with the chosen response; its own where none is chosen."""
        record, chosen = row.record, None if row.reason else row.chosen
        if chosen is not None and chosen.reply is not None:
            reasoning = chosen.reply.reasoning or msgspec.UNSET
            record = record.step(self._respond_step(chosen), response=chosen.text, reasoning=reasoning)
        return record.step(self._filter_step(row, chosen))

    def _respond_step(self, chosen: Response) -> Step:
        """The step of the model's response, with the one reply that it is."""
        reply = chosen.reply
        assert reply is not None
        return Step(
            stage="respond", action="respond", status="truncated" if reply.status == "truncated" else "ok",
            round=self._config.round, generator=reply.model, replies=(reply.id,) if reply.id else (),
            text_hashes=(reply.text_hash,) if reply.id else (), sampling=recorded(self._config.sampling, reply.sent),
        )  # fmt: skip

    def _filter_step(self, row: CandidateRow, chosen: Response | None) -> Step:
        """The step of the filter, with all other replies that were asked for: responses and verdicts."""
        grades = [response.grade for response in row.responses if response.grade]
        others = [reply for reply in row.replies if reply.id and (chosen is None or reply is not chosen.reply)]
        replies = (*(reply.id for reply in others), *(key for grade in grades for key in grade.replies))
        hashes = (
            *(reply.text_hash for reply in others), *(one for grade in grades for one in grade.text_hashes),
        )  # fmt: skip
        return Step(
            stage="filter", action=self._action, round=self._config.round, prompt=self._prompt, replies=replies,
            text_hashes=hashes, status="rejected" if chosen is None else "ok",
            reason=_reason(row) if chosen is None else "",
            generator=next((grade.judge for grade in grades if grade.judge), ""),
        )  # fmt: skip


def _reason(row: CandidateRow) -> str:
    return row.reason or (row.last.grade.reason if row.last.grade else "no-verdict")


def _rejected(row: CandidateRow, record: Record) -> Rejected:
    """The row with the response that it came with, and why the last one was not accepted."""
    reason = _reason(row)
    detail = row.last.grade.detail if row.last.grade and not row.reason else ""
    return Rejected(record.id, reason, detail or REASONS[reason], msgspec.to_builtins(record))


def _pairs(row: CandidateRow, record: Record) -> Iterator[PreferencePair]:
    """A pair for each text that was graded and not accepted; a response without a verdict is in none."""
    texts = {record.response}
    fields = {name: getattr(record, name) for name in Record.__struct_fields__}
    for place, response in enumerate(row.responses, 1):
        grade = response.grade
        if grade is None or grade.reason not in ("check", "judge") or response.text in texts:
            continue
        texts.add(response.text)
        key = response.reply.id if response.reply else ""
        name = f"{record.id}/{place}"
        yield PreferencePair(
            **fields | {"id": name}, declined=response.text, declined_reason=grade.reason, declined_reply=key
        )
