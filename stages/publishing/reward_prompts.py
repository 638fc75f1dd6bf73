"""Prompts with verifiable rewards: rows with checks in the forms that TRL (GRPO) and open-instruct (RLVR) read."""

from collections.abc import Callable
from typing import Literal

import msgspec

from stages.core.records import Record, canonical
from stages.publishing.chat_messages import ChatMessage, prompt_messages

RewardForm = Literal["grpo", "rlvr"]
"""grpo: `prompt` and `checks`, for TRL's GRPOTrainer. rlvr: `messages`, `ground_truth` and `dataset`, for
open-instruct."""
VERIFIER = "seqit"
"""What `dataset` says: the name under which open-instruct looks up the verifier."""


class GrpoRow(msgspec.Struct, frozen=True):
    """A prompt for TRL: its trainer passes every column but `prompt` to the reward function."""

    id: str
    prompt: list[ChatMessage]
    checks: str
    """JSON: a list of {name, arguments}."""
    language: str
    licence: str
    source_sha256: str


class RlvrRow(msgspec.Struct, frozen=True):
    """A prompt for open-instruct."""

    id: str
    messages: list[ChatMessage]
    ground_truth: str
    """JSON: a list of {name, arguments}."""
    dataset: str
    language: str
    licence: str
    source_sha256: str


def reward_row(record: Record, form: RewardForm) -> GrpoRow | RlvrRow:
    """A row with checks in a form."""
    return _MAKERS[form](record)


def is_verifiable(record: Record) -> bool:
    """Whether a rule can reward a completion of the row's prompt."""
    return bool(record.checks) and not record.image


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
