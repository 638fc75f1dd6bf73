"""How many tokens a model reads: counted by its tokenizer, extrapolated from its cached replies, or estimated."""

import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stages.core.completions import Message, Prompt
from stages.core.errors import UserError
from stages.core.image_files import accepts_images
from stages.inference.chat_template import ChatTemplate
from stages.reply_store.checksums import DAMAGE
from stages.reply_store.identity import Identity
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import Replies
from stages.reply_store.stored_reply import COLUMNS, StoredReply, stored_reply

CHARACTERS_PER_TOKEN = 4
"""Used where neither a tokenizer nor cached replies are there."""
IMAGE_TOKENS = 576
"""Tokens of a picture, where no cached reply has any: those of LLaVA-1.5, 336 pixels square in patches of 14
(https://arxiv.org/abs/2310.03744). Other models take from 85 to some thousands."""
MAX_COUNTED = 256
"""Prompts of a step that the tokenizer counts; the others are extrapolated from them."""
MAX_RECENT = 2000
"""The newest cached replies of a model without a tokenizer here, to which the line is fitted."""


@dataclass
class TokenLine:
    """The least-squares line through (characters of a prompt, tokens read); its intercept is the template's share."""

    number: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def add(self, characters: float, tokens: float) -> None:
        """Add one prompt."""
        self.number += 1
        self.x += characters
        self.y += tokens
        self.xx += characters * characters
        self.xy += characters * tokens

    def tokens(self, number: int, characters: float) -> float:
        """The tokens of so many prompts with so many characters together; needs at least one added prompt."""
        spread = self.number * self.xx - self.x * self.x
        slope = (self.number * self.xy - self.x * self.y) / spread if spread > 0 else 0.0
        start = (self.y - slope * self.x) / self.number
        if slope > 0 and start >= 0:
            return start * number + slope * characters
        # Too few prompts, or all of one length, for a line: their tokens per character.
        return self.y / self.x * characters if self.x else self.y / self.number * number


@dataclass
class TokenEstimator:
    """Estimates the tokens that one model reads."""

    identity: Identity
    directory: Path | None
    """The folder of its tokenizer and chat template, if they are here."""
    replies: Replies | None
    lines: dict[str, TokenLine] = field(default_factory=dict)
    """Step -> its line; "" for all steps together."""
    _counted: dict[str, int] = field(default_factory=dict)
    _template: ChatTemplate | None = None
    _opened: bool = False

    def learn(self, step: str, prompt: Prompt, tokens: int) -> None:
        """Add a prompt of this step with its tokens; 0 means that the server reported none."""
        for name in {step, ""} if tokens else ():
            self.lines.setdefault(name, TokenLine()).add(characters(prompt.messages), tokens)

    def count(self, step: str, prompt: Prompt) -> int:
        """Tokens of a prompt to be sent, if it is among the first of its step; 0 if it is not counted."""
        if not self._opened:
            self._opened = True
            self._open()
        number = self._counted[step] = self._counted.get(step, 0) + 1
        if self._template and number <= MAX_COUNTED:
            # A prompt that the template refuses is never sent.
            with suppress(UserError):
                pictures = sum(len(message.images) for message in prompt.messages)
                counted = len(self._template.ids(prompt)) + pictures * IMAGE_TOKENS
                self.learn(step, prompt, counted)
                return counted
        return 0

    def tokens(self, step: str, number: int, length: float) -> tuple[float, bool]:
        """Tokens of `number` prompts of a step with `length` characters, and whether they follow from counts."""
        line = self.lines.get(step) or self.lines.get("")
        return (line.tokens(number, length), True) if line else (length / CHARACTERS_PER_TOKEN, False)

    def _open(self) -> None:
        with suppress(UserError):
            self._template = ChatTemplate(self.directory, accepts_images(self.directory)) if self.directory else None
        if not self._template and not self.lines and self.replies:
            self._learn_from_store(self.replies)

    def _learn_from_store(self, replies: Replies) -> None:
        parts, run = RequestParts(replies.database), replies.database.execute
        # A damaged reply is reported when it is requested; here it is skipped.
        with suppress(sqlite3.DatabaseError):
            settings = [number for (number,) in run("SELECT DISTINCT setting FROM reply")]
            own = json.dumps([number for number in settings if self._is_own(parts, number)])
            condition = "setting IN (SELECT value FROM json_each(?))"
            for row in run(
                f"SELECT {COLUMNS} FROM reply WHERE {condition} ORDER BY id DESC LIMIT {MAX_RECENT}", (own,)
            ):
                with suppress(*DAMAGE):
                    self._learn_from_reply(stored_reply(parts, row))

    def _is_own(self, parts: RequestParts, setting: int) -> bool:
        with suppress(*DAMAGE):
            stored = parts.setting(setting)
            return (stored.model, stored.endpoint) == self.identity
        return False

    def _learn_from_reply(self, one: StoredReply) -> None:
        if one.tokens_in:
            self.lines.setdefault("", TokenLine()).add(characters(one.payload.messages), one.tokens_in)


def characters(messages: tuple[Message, ...]) -> int:
    """Characters of the texts, plus those of as many tokens as the pictures take."""
    return sum(len(message.content) + len(message.images) * IMAGE_TOKENS * CHARACTERS_PER_TOKEN for message in messages)
