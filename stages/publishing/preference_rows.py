"""Preference pairs in the form that TRL reads: `prompt`, `chosen` and `rejected`, each a list of messages."""

import msgspec

from stages.publishing.chat_messages import ChatMessage, prompt_messages
from stages.response_filter.preference_pairs import PreferencePair


class PreferenceRow(msgspec.Struct, frozen=True):
    """A prompt with two responses (https://huggingface.co/docs/trl/dataset_formats, preference, explicit prompt)."""

    id: str
    prompt: list[ChatMessage]
    chosen: list[ChatMessage]
    rejected: list[ChatMessage]
    reason: str
    """Why the rejected response was not accepted: check or judge."""
    language: str
    licence: str
    source_sha256: str


def is_publishable(pair: PreferencePair) -> bool:
    """Whether a pair can be published: not those about an image, whose pixels are not part of the data set."""
    return not pair.image


def preference_row(pair: PreferencePair) -> PreferenceRow:
    """A pair as published."""
    source = pair.source
    return PreferenceRow(
        pair.id, prompt_messages(pair), _reply(pair.response), _reply(pair.declined), pair.declined_reason,
        source.language, source.licence, source.sha256,
    )  # fmt: skip


def _reply(text: str) -> list[ChatMessage]:
    return [ChatMessage("assistant", text)]
