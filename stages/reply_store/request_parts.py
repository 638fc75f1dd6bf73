"""Reads the settings and messages of stored requests, and checks that a row has the key of its request."""

import sqlite3
from typing import Any

import msgspec

from stages.core.completions import Message
from stages.reply_store.checksums import DamageError, inflate
from stages.reply_store.keys import Setting, key_of

_numbers = msgspec.json.Decoder(list[int]).decode


class RequestParts:
    """Settings and messages by their row ids."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """`database`: that of a reply store."""
        self._database = database
        self._bodies: dict[int, bytes] = {}
        self._settings: dict[int, Setting] = {}
        self._messages: dict[int, Message] = {}

    def body(self, number: int) -> bytes:
        """The bytes that were hashed. Raises DamageError if the part is missing or damaged."""
        if number not in self._bodies:
            if len(self._bodies) > 20_000:
                self._bodies.clear()
            row = self._database.execute("SELECT body FROM part WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise DamageError(f"part {number} of a payload is missing")
            self._bodies[number] = inflate(row[0])
        return self._bodies[number]

    def setting(self, number: int) -> Setting:
        """The setting of that id."""
        if number not in self._settings:
            if len(self._settings) > 1_000:
                self._settings.clear()
            self._settings[number] = msgspec.json.decode(self.body(number), type=Setting)
        return self._settings[number]

    def message(self, number: int) -> Message:
        """The message of that id."""
        # Worked examples are in every request of a prompt file.
        if number not in self._messages:
            if len(self._messages) > 1_000:
                self._messages.clear()
            self._messages[number] = msgspec.json.decode(self.body(number), type=Message)
        return self._messages[number]

    def check(self, key: bytes, request: tuple[Any, ...]) -> list[int]:
        """The row ids of the messages of a request, given as its columns (setting, messages, seed, sample).

        Raises DamageError unless the request has the key `key`.
        """
        if tuple(map(type, request)) not in ((int, str, int, int), (int, bytes, int, int)):
            raise DamageError("columns of a request are of other kinds")
        setting, messages, seed, sample = request
        numbers = _numbers(messages)
        if key_of([self.body(setting), *map(self.body, numbers)], seed, sample) != key:
            raise DamageError(f"reply {key.hex()}: its key does not fit its payload")
        return numbers
