"""Prompts with verifiable rewards: rows with checks in the forms that TRL (GRPO) and open-instruct (RLVR) read."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from stages.core.records import Record, canonical, user_text
from stages.publishing import parquet

RewardForm = Literal["grpo", "rlvr"]
"""grpo: `prompt` and `checks`, for TRL's GRPOTrainer. rlvr: `messages`, `ground_truth` and `dataset`, for
open-instruct."""
VERIFIER = "seqit"
"""What `dataset` says: the name under which open-instruct looks up the verifier."""


class PromptMessage(msgspec.Struct, frozen=True):
    """One message of a prompt."""

    role: str
    content: str


class GrpoRow(msgspec.Struct, frozen=True):
    """A prompt for TRL: its trainer passes every column but `prompt` to the reward function."""

    id: str
    prompt: list[PromptMessage]
    checks: str
    """JSON: a list of {name, arguments}."""
    language: str
    licence: str
    source_sha256: str


class RlvrRow(msgspec.Struct, frozen=True):
    """A prompt for open-instruct."""

    id: str
    messages: list[PromptMessage]
    ground_truth: str
    """JSON: a list of {name, arguments}."""
    dataset: str
    language: str
    licence: str
    source_sha256: str


def prompt_messages(record: Record) -> list[PromptMessage]:
    """The system prompt if there is one, earlier turns, and the user text of the last turn."""
    system = [PromptMessage("system", record.system)] if record.system else []
    earlier = [
        PromptMessage(role, text)
        for turn in record.history
        for role, text in (("user", turn.instruction), ("assistant", turn.response))
    ]
    return [*system, *earlier, PromptMessage("user", user_text(record))]


def reward_rows(records: Iterable[Record], form: RewardForm) -> Iterator[GrpoRow | RlvrRow]:
    """The rows with checks in a form, in order; rows without checks, and those about an image, are left out."""
    make = _MAKERS[form]
    return (make(record) for record in records if is_verifiable(record))


def is_verifiable(record: Record) -> bool:
    """Whether a rule can reward a completion of the row's prompt."""
    return bool(record.checks) and not record.image


def encode_rewards(records: Iterable[Record], form: RewardForm) -> bytes:
    """The rows as Parquet."""
    return parquet.encode(reward_rows(records, form), GrpoRow if form == "grpo" else RlvrRow)


def _checks(record: Record) -> str:
    return canonical(msgspec.to_builtins(record.checks)).decode()


def _grpo(record: Record) -> GrpoRow:
    source = record.source
    return GrpoRow(record.id, prompt_messages(record), _checks(record), source.language, source.licence, source.sha256)


def _rlvr(record: Record) -> RlvrRow:
    source = record.source
    return RlvrRow(
        record.id, prompt_messages(record), _checks(record), VERIFIER, source.language, source.licence, source.sha256
    )


_MAKERS: dict[RewardForm, Callable[[Record], GrpoRow | RlvrRow]] = {"grpo": _grpo, "rlvr": _rlvr}
