"""Preference pairs in the form that TRL reads: `prompt`, `chosen` and `rejected`, each a list of messages."""

from collections.abc import Iterable, Iterator

import msgspec

from stages.publishing.reward_prompts import PromptMessage, prompt_messages
from stages.response_filter.preference_pairs import PreferencePair


class PreferenceRow(msgspec.Struct, frozen=True):
    """A prompt with two responses (https://huggingface.co/docs/trl/dataset_formats, preference, explicit prompt)."""

    id: str
    prompt: list[PromptMessage]
    chosen: list[PromptMessage]
    rejected: list[PromptMessage]
    reason: str
    """Why the rejected response was not accepted: check or judge."""
    language: str
    licence: str
    source_sha256: str


def is_publishable(pair: PreferencePair) -> bool:
    """Whether a pair can be published: not those about an image, whose pixels are not part of the data set."""
    return not pair.image


def preference_rows(pairs: Iterable[PreferencePair]) -> Iterator[PreferenceRow]:
    """The pairs in order, without those that are about an image."""
    return (_row(pair) for pair in pairs if is_publishable(pair))


def _row(pair: PreferencePair) -> PreferenceRow:
    source = pair.source
    return PreferenceRow(
        pair.id, prompt_messages(pair), _reply(pair.response), _reply(pair.declined), pair.declined_reason,
        source.language, source.licence, source.sha256,
    )  # fmt: skip


def _reply(text: str) -> list[PromptMessage]:
    return [PromptMessage("assistant", text)]
