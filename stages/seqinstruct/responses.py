"""Responses to the instructions of a round; round 0, the original instructions, is the IT baseline."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from msgspec import UNSET, to_builtins

from stages.core.completions import Complete, Message, Prompt, Reply, Sampling, draw_seed, recorded
from stages.core.records import Record, Rejected, Step, user_text
from stages.seqinstruct.retry import Draft, retried

REASONS = {
    "truncated": "ran into the limit of new tokens",
    "thought": "the model reasoned and gave no answer",
    "refused": "the provider withheld it",
    "failed": "no text was had",
    "empty": "the model said nothing",
}
"""Why a row has no response: the closed list of this room."""


@dataclass(frozen=True)
class Wishes:
    """How responses are asked for."""

    seed: int
    round: int
    sampling: Sampling
    attempts: int
    keep: tuple[str, ...]
    """Reply statuses whose response is kept: ok, truncated."""


def respond_round(
    records: Iterable[Record], earlier: Iterable[Record], complete: Complete, wishes: Wishes
) -> Iterator[tuple[str, Record | Rejected]]:
    """Each record as ("rows", with its response) or ("rejected", with a reason), in order.

    A row that this round's rewriting found frozen keeps its response of the round before, with the step that made it;
    every other row is asked, also one that has just become hold. `earlier` need not be in the same order.
    """
    kept = {record.id: record for record in earlier}
    drafts = (_opened(record, kept) for record in records)
    return map(partial(_closed, wishes), answered(drafts, complete, wishes))


def answered(drafts: Iterable[Draft], complete: Complete, wishes: Wishes) -> Iterator[Draft]:
    """The drafts, each asked for its response unless it is done."""
    return retried(drafts, complete, wishes.attempts, partial(_request, wishes), partial(_heard, wishes.keep))


def conversation(record: Record) -> tuple[Message, ...]:
    """The row as a model is asked it: its own system prompt if it has one, earlier turns, the last turn's user text."""
    system = [Message("system", record.system)] if record.system else []
    said = [(("user", turn.instruction), ("assistant", turn.response)) for turn in record.history]
    turns = [Message(role, text) for turn in said for role, text in turn]  # type: ignore[arg-type]
    return (*system, *turns, Message("user", user_text(record)))


def _opened(record: Record, kept: Mapping[str, Record]) -> Draft:
    before = kept.get(record.id)
    if before is None or not before.response or not frozen(record):
        return Draft(record, action="respond")
    made = next((step for step in reversed(before.steps) if step.stage == "respond"), None)
    if made is None:
        return Draft(record, action="respond")
    return Draft(
        record, action="respond", status="frozen", text=before.response, done=True, replies=made.replies,
        reasoning=before.reasoning or "",
        text_hashes=made.text_hashes,
        generator=made.generator,
    )  # fmt: skip


def frozen(record: Record) -> bool:
    """Whether the last round of rewriting found this row frozen."""
    last = next((step for step in reversed(record.steps) if step.stage == "rewrite"), None)
    return last is not None and last.status == "frozen"


def _request(wishes: Wishes, draft: Draft, number: int) -> Prompt:
    seed = draw_seed(wishes.seed, draft.record.id, f"respond:{wishes.round}")
    purpose = f"{draft.record.id}/respond"
    return Prompt(conversation(draft.record), wishes.sampling, seed, sample=number, purpose=purpose)


def _heard(keep: tuple[str, ...], draft: Draft, reply: Reply) -> Draft:
    if reply.status not in keep:
        return draft.failed(reply.status)
    if not reply.text.strip():
        return draft.failed("rejected", "empty")
    return replace(draft.settled(text=reply.text.strip()), status=reply.status)


def _closed(wishes: Wishes, draft: Draft) -> tuple[str, Record | Rejected]:
    step = Step(
        stage="respond", action="respond", status=draft.status, round=wishes.round, reason=draft.reason,
        generator=draft.generator, sampling=recorded(wishes.sampling, draft.sent), replies=draft.replies,
        text_hashes=draft.text_hashes,
    )  # fmt: skip
    return _sorted(draft, draft.record.step(step, response=draft.text, reasoning=draft.reasoning or UNSET))


def _sorted(draft: Draft, record: Record) -> tuple[str, Record | Rejected]:
    if draft.done:
        return "rows", record
    return "rejected", rejected(record, draft.reason if draft.reason in REASONS else draft.status, draft.reason)


def rejected(record: Record, reason: str, detail: str) -> Rejected:
    """The row that goes no further, whole."""
    return Rejected(record.id, reason, detail or reason, to_builtins(record))
