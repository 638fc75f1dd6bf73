"""Responses to the instructions of a round; round 0, the original instructions, is the IT baseline."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from msgspec import UNSET, Struct, json, structs, to_builtins

from stages.core.completions import Complete, Message, Prompt, Reply, Sampling, draw_seed, recorded
from stages.core.records import Record, Rejected, Step, user_text
from stages.core.row_history import last_attempt, last_change, took_effect
from stages.seqinstruct.pending_rows import PendingRow, retry_pending

REASONS = {
    "truncated": "ran into the limit of new tokens",
    "thought": "the model reasoned and gave no answer",
    "refused": "the provider refused it",
    "failed": "no text was received",
    "empty": "the reply is empty",
}
"""Why a row has no response: a closed list."""
RESPOND, KEEP = "respond", "keep"
"""Actions of the steps of this stage."""


@dataclass(frozen=True)
class ResponseConfig:
    """How responses are requested."""

    seed: int
    round: int
    sampling: Sampling
    attempts: int
    keep: tuple[str, ...]
    """Reply statuses whose response is kept: ok, truncated."""
    hold: Literal["respond", "keep"] = "respond"
    """What becomes of rows whose instruction was not changed: respond (requested), keep (see `respond_round`)."""
    round_0: Literal["respond", "corpus"] = "respond"
    """Responses to the original instructions: respond (requested), corpus (the corpus's own; requested where empty)."""


class _KeptResponse(Struct, frozen=True, array_like=True):
    """A response of an earlier round, with the step that made it."""

    response: str
    reasoning: str
    step: Step


_decode_kept = json.Decoder(_KeptResponse).decode


def respond_round(
    records: Iterable[Record], earlier: Iterable[Record], complete: Complete, config: ResponseConfig
) -> Iterator[tuple[str, Record | Rejected]]:
    """Each record as ("rows", with its response) or ("rejected", with a reason), in order.

    A row that is frozen in this round keeps its response of the round before, with the step that made it; every other
    row is requested, also one whose action is hold for the first time. `earlier` may have another order.

    With `hold` "keep", a row that no round has changed keeps its corpus's own response, and a row that this round did
    not change the response of the round before; neither is requested. A step that keeps the corpus's own has the action
    "keep" and names no model.
    """
    # Half of a corpus may be frozen, and a row takes 3.5 KB as objects, what is needed of it 0.6 KB as JSON.
    kept = {record.id: encoded for record in earlier if (encoded := _encode_kept(record))}
    pending_rows = (_initial_row(record, kept, config) for record in records)
    return map(partial(_finished_record, config), respond_to_pending(pending_rows, complete, config))


def earlier_rows(
    versions: Sequence[Callable[[], Iterable[Record]]], before: Callable[[], Iterable[Record]], complete: Complete,
    config: ResponseConfig, only_round: bool,
) -> Iterable[Record]:  # fmt: skip
    """What `respond_round` needs as `earlier`.

    before: the rows of the round before with their responses. only_round: whether no other round is responded to, so
    that there are none; see `kept_responses`.
    """
    if only_round:
        return kept_responses(versions, complete, config)
    return kept_rows(versions[config.round], before(), config)


def kept_rows(
    rows: Callable[[], Iterable[Record]], earlier: Iterable[Record], config: ResponseConfig
) -> Iterator[Record]:
    """Of the rows of the round before, those whose response the round of `config` keeps.

    As `earlier` of `respond_round` they lead to the same result as all of them, which at a million rows would not fit
    into memory. rows: those of this round, anew at each call.
    """
    ids = {row.id for row in rows() if _keeps_earlier(row, config)}
    return (row for row in earlier if row.id in ids)


def kept_responses(
    versions: Sequence[Callable[[], Iterable[Record]]], complete: Complete, config: ResponseConfig
) -> Iterable[Record]:
    """The rows whose response the round of `config` keeps from an earlier round, with it, as `earlier` of that round.

    For a corpus of which only this round is responded to. Each response is requested as in the round that it is from:
    the result is the same as if every round were responded to, and the replies are shared.
    versions: the rows after each round, anew at each call; those of round 0 are the corpus.
    """
    origins = {row.id: _origin(row, config) for row in versions[config.round]()}
    earlier: Iterable[Record] = versions[0]()
    for number in range(config.round):
        rows = [row for row in versions[number]() if origins.get(row.id, config.round) <= number]
        made = respond_round(rows, earlier, complete, replace(config, round=number))
        earlier = [row for _, row in made if isinstance(row, Record)]
    return earlier


def respond_to_pending(
    pending_rows: Iterable[PendingRow], complete: Complete, config: ResponseConfig
) -> Iterator[PendingRow]:
    """The rows, each with its response requested unless it is done."""
    return retry_pending(
        pending_rows, complete, config.attempts, partial(_request, config), partial(_read_reply, config.keep)
    )


def conversation(record: Record) -> tuple[Message, ...]:
    """The row as chat messages: its system prompt if it has one, earlier turns, the user text of the last turn."""
    system = [Message("system", record.system)] if record.system else []
    exchanges = [(("user", turn.instruction), ("assistant", turn.response)) for turn in record.history]
    turns = [Message(role, text) for turn in exchanges for role, text in turn]  # type: ignore[arg-type]
    return (*system, *turns, Message("user", user_text(record)))


def _encode_kept(record: Record) -> bytes:
    """What `_initial_row` needs of a row of the round before, as JSON; empty for one without a response."""
    made = next((step for step in reversed(record.steps) if step.stage == "respond"), None)
    if made is None or not record.response:
        return b""
    return json.encode(_KeptResponse(record.response, record.reasoning or "", made))


def _initial_row(record: Record, kept: Mapping[str, bytes], config: ResponseConfig) -> PendingRow:
    if _keeps_own(record, config):
        return PendingRow(record, KEEP, "ok", text=record.response, reasoning=record.reasoning or "", done=True)
    encoded = kept.get(record.id)
    if encoded is None or not _keeps_earlier(record, config):
        return PendingRow(record, RESPOND)
    before = _decode_kept(encoded)
    made = before.step
    # Of a response that was cut, and is kept for another round, the rows must go on saying so.
    cut = made.reason if made.status == "frozen" else made.status if made.status != "ok" else ""
    return PendingRow(
        record, made.action, "frozen", cut, text=before.response, reasoning=before.reasoning, done=True,
        replies=made.replies, text_hashes=made.text_hashes, generator=made.generator, sent=made.sampling,
    )  # fmt: skip


def _keeps_own(record: Record, config: ResponseConfig) -> bool:
    """Whether the row keeps the response that the corpus has for it."""
    wanted = config.hold == KEEP if config.round else config.round_0 == "corpus"
    return wanted and bool(record.response.strip()) and last_change(record) is None


def _keeps_earlier(record: Record, config: ResponseConfig) -> bool:
    """Whether the row keeps the response of the round before."""
    attempt = last_attempt(record)
    return frozen(record) or (config.hold == KEEP and attempt is not None and not took_effect(attempt))


def _origin(record: Record, config: ResponseConfig) -> int:
    """The number of the round that the response to this row of round `config.round` is from."""
    number = config.round
    if _keeps_own(record, config):
        return number
    rounds = [step for step in record.steps if step.stage == "rewrite"][-number:] if number else []
    for step in reversed(rounds):
        if step.status != "frozen" and (config.hold != KEEP or took_effect(step)):
            break
        number -= 1
    return number


def frozen(record: Record) -> bool:
    """Whether the row was frozen in the last round of rewriting."""
    last = next((step for step in reversed(record.steps) if step.stage == "rewrite"), None)
    return last is not None and last.status == "frozen"


def _request(config: ResponseConfig, pending: PendingRow, number: int) -> Prompt:
    seed = draw_seed(config.seed, pending.record.id, f"respond:{config.round}")
    purpose = f"{pending.record.id}/respond"
    return Prompt(conversation(pending.record), config.sampling, seed, sample=number, purpose=purpose)


def _read_reply(keep: tuple[str, ...], pending: PendingRow, reply: Reply) -> PendingRow:
    if reply.status not in keep:
        return pending.failed(reply.status)
    if not reply.text.strip():
        return pending.failed("rejected", "empty")
    return structs.replace(pending.settled(text=reply.text.strip()), status=reply.status)


def _finished_record(config: ResponseConfig, pending: PendingRow) -> tuple[str, Record | Rejected]:
    step = Step(
        stage="respond", action=pending.action, status=pending.status, round=config.round, reason=pending.reason,
        generator=pending.generator, replies=pending.replies, text_hashes=pending.text_hashes,
        sampling={} if pending.action == KEEP else recorded(config.sampling, pending.sent),
    )  # fmt: skip
    return _row_or_rejected(
        pending, pending.record.step(step, response=pending.text, reasoning=pending.reasoning or UNSET)
    )


def _row_or_rejected(pending: PendingRow, record: Record) -> tuple[str, Record | Rejected]:
    if pending.done:
        return "rows", record
    return "rejected", rejected_row(
        record, pending.reason if pending.reason in REASONS else pending.status, pending.reason
    )


def rejected_row(record: Record, reason: str, detail: str) -> Rejected:
    """The row with the reason of its rejection."""
    return Rejected(record.id, reason, detail or reason, to_builtins(record))
