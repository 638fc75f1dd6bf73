"""Rows as chat messages, with the texts that `stages.training` renders."""

import msgspec

from stages.core.records import Record, user_text


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: str
    content: str


def prompt_messages(record: Record) -> list[ChatMessage]:
    """The system prompt if there is one, earlier turns, and the user text of the last turn.

    As in training, a system prompt of spaces is none, and responses have no space around them.
    """
    system = [ChatMessage("system", record.system)] if record.system.strip() else []
    earlier = [
        ChatMessage(role, text)
        for turn in record.history
        for role, text in (("user", turn.instruction), ("assistant", turn.response.strip()))
    ]
    return [*system, *earlier, ChatMessage("user", user_text(record))]


def conversation(record: Record) -> list[ChatMessage]:
    """The prompt and the response, which is the last message; its content is empty where there is no response."""
    return [*prompt_messages(record), ChatMessage("assistant", record.response.strip())]
