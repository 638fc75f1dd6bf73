"""How many tokens a model reads: counted by its own tokenizer, as its server has reported before, or guessed."""

import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stages.core.completions import Message, Prompt
from stages.core.errors import UserError
from stages.core.model_config import accepts_images
from stages.inference.chat_template import Chat
from stages.reply_store.checksums import DAMAGE
from stages.reply_store.identity import Identity
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import Replies
from stages.reply_store.stored_reply import COLUMNS, stored_reply
from stages.reply_store.stored_reply import StoredReply as Remembered

CHARACTERS = 4
"""A token, where nothing tells better."""
PICTURE = 576
"""Tokens of a picture, where no remembered reply tells better: those of LLaVA-1.5, 336 pixels square in patches of 14
(https://arxiv.org/abs/2310.03744). Other models take from 85 to some thousands."""
COUNTED = 256
"""Prompts of a step that are counted one by one; the others are taken to be like them."""
RECENT = 2000
"""The newest replies of a model without a tokenizer here, from which what it reads is learned."""


@dataclass
class Line:
    """The least-squares line through (characters of a prompt, tokens read): what templates add, and what texts take."""

    number: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def add(self, characters: float, tokens: float) -> None:
        """One prompt."""
        self.number += 1
        self.x += characters
        self.y += tokens
        self.xx += characters * characters
        self.xy += characters * tokens

    def tokens(self, number: int, characters: float) -> float:
        """Of so many prompts with so many characters together; `number` of this line is positive."""
        spread = self.number * self.xx - self.x * self.x
        slope = (self.number * self.xy - self.x * self.y) / spread if spread > 0 else 0.0
        start = (self.y - slope * self.x) / self.number
        if slope > 0 and start >= 0:
            return start * number + slope * characters
        # Too few prompts, or all of a length, for a line: as many tokens a character as they had.
        return self.y / self.x * characters if self.x else self.y / self.number * number


@dataclass
class Reading:
    """What is known of one model."""

    identity: Identity
    directory: Path | None
    """Where its tokenizer and chat template are, if it has any here."""
    replies: Replies | None
    lines: dict[str, Line] = field(default_factory=dict)
    """Step -> its line; "" for all steps together."""
    _counted: dict[str, int] = field(default_factory=dict)
    _chat: Chat | None = None
    _opened: bool = False

    def learn(self, step: str, prompt: Prompt, tokens: int) -> None:
        """A prompt of this step takes so many; of 0, whoever read it did not say how many."""
        for name in {step, ""} if tokens else ():
            self.lines.setdefault(name, Line()).add(characters(prompt.messages), tokens)

    def see(self, step: str, prompt: Prompt) -> int:
        """Tokens of a prompt that is to be sent, if it is among the first of its step; 0 for one not counted."""
        if not self._opened:
            self._opened = True
            self._open()
        number = self._counted[step] = self._counted.get(step, 0) + 1
        if self._chat and number <= COUNTED:
            # A prompt that the template refuses is never read; the others are.
            with suppress(UserError):
                pictures = sum(len(message.images) for message in prompt.messages)
                counted = len(self._chat.ids(prompt)) + pictures * PICTURE
                self.learn(step, prompt, counted)
                return counted
        return 0

    def tokens(self, step: str, number: int, read: float) -> tuple[float, bool]:
        """What `number` prompts of a step with `read` characters take, and whether that is more than a guess."""
        line = self.lines.get(step) or self.lines.get("")
        return (line.tokens(number, read), True) if line else (read / CHARACTERS, False)

    def _open(self) -> None:
        with suppress(UserError):
            self._chat = Chat(self.directory, accepts_images(self.directory)) if self.directory else None
        if not self._chat and not self.lines and self.replies:
            self._recall(self.replies)

    def _recall(self, replies: Replies) -> None:
        parts, run = RequestParts(replies.database), replies.database.execute
        # What is damaged is told where it is asked for; here it tells nothing.
        with suppress(sqlite3.DatabaseError):
            settings = [number for (number,) in run("SELECT DISTINCT setting FROM reply")]
            own = json.dumps([number for number in settings if self._owns(parts, number)])
            chosen = "setting IN (SELECT value FROM json_each(?))"
            for row in run(f"SELECT {COLUMNS} FROM reply WHERE {chosen} ORDER BY id DESC LIMIT {RECENT}", (own,)):
                with suppress(*DAMAGE):
                    self._heed(stored_reply(parts, row))

    def _owns(self, parts: RequestParts, setting: int) -> bool:
        with suppress(*DAMAGE):
            who = parts.setting(setting)
            return (who.model, who.endpoint) == self.identity
        return False

    def _heed(self, one: Remembered) -> None:
        if one.tokens_in:
            self.lines.setdefault("", Line()).add(characters(one.payload.messages), one.tokens_in)


def characters(messages: tuple[Message, ...]) -> int:
    """Of the texts, and as many as the tokens of the pictures would have."""
    return sum(len(message.content) + len(message.images) * PICTURE * CHARACTERS for message in messages)
