"""Rows that wait for a model's reply, and the retries until each is settled."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from stages.core.completions import Complete, Prompt, Reply, retry
from stages.core.records import Record, ResponseCheck, Status


class PendingRow(msgspec.Struct, frozen=True):
    """A record, the decisions about it so far, and the replies that made them."""

    record: Record
    action: str = ""
    status: Status = "failed"
    """Its status; until `done`, that of the last attempt."""
    reason: str = ""
    text: str = ""
    """The model's text for it: a new instruction, or a response."""
    reasoning: str = ""
    """The model's reasoning in the last reply, if params keep it."""
    done: bool = False
    """Settled: no further request is made for it."""
    replies: tuple[str, ...] = ()
    text_hashes: tuple[str, ...] = ()
    generator: str = ""
    sent: Mapping[str, Any] = {}
    """As `Reply.sent`."""
    prompts: tuple[str, ...] = ()
    """Hashes of the prompt files that were rendered for it."""
    checks: tuple[ResponseCheck, ...] = ()
    """What a response must satisfy, where that has changed."""

    def failed(self, status: Status, reason: str = "") -> "PendingRow":
        """After an attempt that gave nothing; another one may."""
        return replace(self, status=status, reason=reason)

    def settled(self, **changes: str) -> "PendingRow":
        """After an attempt that settled it."""
        return replace(self, status="ok", reason="", done=True, **changes)

    def with_reply(self, reply: Reply) -> "PendingRow":
        """With this reply added."""
        model = reply.model or self.generator
        pending = replace(self, generator=model, reasoning=reply.reasoning, sent=reply.sent)
        if not reply.id:
            return pending
        hashes = (*self.text_hashes, reply.text_hash)
        return replace(pending, replies=(*self.replies, reply.id), text_hashes=hashes)

    def with_prompt(self, prompt: str) -> "PendingRow":
        """With this prompt file among those rendered for it."""
        return self if not prompt or prompt in self.prompts else replace(self, prompts=(*self.prompts, prompt))


def retry_pending(
    pending_rows: Iterable[PendingRow],
    complete: Complete,
    attempts: int,
    prompt_of: Callable[[PendingRow, int], Prompt | None],
    settle: Callable[[PendingRow, Reply], PendingRow],
) -> Iterator[PendingRow]:
    """The rows in order, each requested until it is settled, at most `attempts` times (see `completions.retry`).

    `prompt_of` gets the number of the attempt, from 0, and returns None for a row that needs no request; `settle` reads
    the reply.
    """

    def request(pending: PendingRow, sample: int) -> Prompt | None:
        return None if pending.done else prompt_of(pending, sample)

    def read(pending: PendingRow, reply: Reply) -> PendingRow:
        return _read(pending.with_reply(reply), reply, settle)

    return retry(complete, pending_rows, attempts, request, read)


def _read(pending: PendingRow, reply: Reply, settle: Callable[[PendingRow, Reply], PendingRow]) -> PendingRow:
    """A reply that was refused, failed, or has no answer is not parsed."""
    if reply.status in ("thought", "refused", "failed"):
        return pending.failed(reply.status, reply.error)
    return settle(pending, reply)
