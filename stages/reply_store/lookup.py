"""Looks up stored replies by key and verifies each before it is returned."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple

from stages.core.completions import Reply
from stages.reply_store.checksums import DAMAGE, Columns, check_text, has_checksum, pack, unpack
from stages.reply_store.request_parts import RequestParts

WINDOW = 500
"""Keys a query, below the 999 parameters that every build of SQLite takes."""
COLUMNS = "id, CAST(key AS BLOB), CAST(status AS BLOB), tokens_in, tokens_out, created, CAST(body AS BLOB), text_hash"
"""Cast to bytes, since sqlite3 raises for text that is not UTF-8, as in a damaged row."""
REQUEST = "setting, CAST(messages AS BLOB), seed, sample"


class LookupResult(NamedTuple):
    """Replies and damaged rows of a look-up."""

    replies: dict[bytes, Reply]
    """By key."""
    damaged: dict[bytes, int]
    """Key -> id of its row, which is not what was stored."""


class Lookup:
    """Look-ups in one open store."""

    def __init__(self, database: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        """`transaction`: opens one, for repairs during a look-up."""
        self._database, self._transaction = database, transaction
        self._parts = RequestParts(database)
        self._indexed = False
        self.damaged: set[bytes] = set()
        """Keys that were looked up and whose replies are damaged."""

    def find(self, keys: Sequence[bytes], model: str) -> dict[bytes, Reply]:
        """The intact replies among `keys`; keys of damaged ones are added to `damaged`."""
        result = self.read(keys, model)
        if result.damaged and self._rebuild_index():
            again = self.read([*result.damaged], model)
            result = LookupResult(result.replies | again.replies, again.damaged)
        self.damaged.update(result.damaged)
        return result.replies

    def read(self, keys: Sequence[bytes], model: str) -> LookupResult:
        """The rows of `keys`. Replies without a checksum or hash of their text get one once they are verified."""
        result, old = LookupResult({}, {}), []
        for number, *values, recorded in self._rows(keys):
            row: Columns = tuple(values)
            key, body = row[0], row[5]
            try:
                result.replies[key] = reply = unpack(row, model)
                check_text(reply, recorded)
                if not has_checksum(body):
                    self._verify(number, key)
                if not has_checksum(body) or recorded is None:
                    old.append((pack(key, reply, row[4]), bytes.fromhex(reply.text_hash), number, body))
            except DAMAGE:
                result.replies.pop(key, None)
                result.damaged[key] = number
        if old:
            self._add_checksums(old)
        return result

    def discard(self, keys: Sequence[bytes], model: str) -> None:
        """Delete the damaged rows of `keys`, so that they can be stored again. Call within a transaction."""
        damaged_keys = [key for key in keys if key in self.damaged] if self._indexed else []
        for number in self.read(damaged_keys, model).damaged.values() if damaged_keys else ():
            self._database.execute("DELETE FROM reply WHERE id = ?", (number,))

    def _rows(self, keys: Sequence[bytes]) -> Iterator[Any]:
        for start in range(0, len(keys), WINDOW):
            chunk = keys[start : start + WINDOW]
            query = f"SELECT {COLUMNS} FROM reply WHERE key IN ({','.join('?' * len(chunk))})"
            yield from self._database.execute(query, chunk)

    def _verify(self, number: int, key: bytes) -> None:
        """Raise DamageError unless the request of a row without a checksum has the key `key`."""
        row = self._database.execute(f"SELECT {REQUEST} FROM reply WHERE id = ?", (number,)).fetchone()
        self._parts.check(key, row or ())

    def _add_checksums(self, rows: list[tuple[bytes, bytes, int, bytes]]) -> None:
        # A store that can't be written now is verified in the same way the next time.
        with suppress(Exception), self._transaction():
            self._database.executemany("UPDATE reply SET body = ?, text_hash = ? WHERE id = ? AND body = ?", rows)

    def _rebuild_index(self) -> bool:
        """Rebuild the index of keys, once: if only that is damaged, all rows become readable."""
        if not self._indexed:
            with suppress(Exception), self._transaction():
                self._database.execute("REINDEX reply")
                self._indexed = True
                return True
        return False
