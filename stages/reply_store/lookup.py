"""Look-ups of stored replies by key, each verified before it is given back."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple

from stages.core.completions import Reply
from stages.reply_store.checksums import DAMAGE, Columns, is_sealed, pack, unpack
from stages.reply_store.request_parts import Parts

WINDOW = 500
"""Keys a query, below the 999 parameters that every build of SQLite takes."""
COLUMNS = "id, CAST(key AS BLOB), CAST(status AS BLOB), tokens_in, tokens_out, created, CAST(body AS BLOB)"
"""As bytes: SQLite's module raises for text that is no UTF-8, which any column of a damaged row may be."""
REQUEST = "setting, CAST(messages AS BLOB), seed, sample"


class Found(NamedTuple):
    """What a look-up gives."""

    replies: dict[bytes, Reply]
    """By key."""
    damaged: dict[bytes, int]
    """Key -> id of the row that stands under it and is not what was stored."""


class Lookup:
    """Look-ups in one open store."""

    def __init__(self, database: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        """`transaction` opens one, for what a look-up mends."""
        self._database, self._transaction = database, transaction
        self._parts = Parts(database)
        self._indexed = False
        self.damaged: set[bytes] = set()
        """Keys whose replies were not given back, for they are damaged."""

    def find(self, keys: Sequence[bytes], model: str) -> dict[bytes, Reply]:
        """The sound replies among `keys`; damaged ones count as not there and are noted in `damaged`."""
        found = self.read(keys, model)
        if found.damaged and self._rebuild_index():
            again = self.read([*found.damaged], model)
            found = Found(found.replies | again.replies, again.damaged)
        self.damaged.update(found.damaged)
        return found.replies

    def read(self, keys: Sequence[bytes], model: str) -> Found:
        """What stands under `keys`. Replies from before there were seals are sealed once they are verified."""
        found, old = Found({}, {}), []
        for number, *values in self._rows(keys):
            row: Columns = tuple(values)
            key, body = row[0], row[5]
            try:
                found.replies[key] = reply = unpack(row, model)
                if not is_sealed(body):
                    self._verify(number, key)
                    old.append((pack(key, reply, row[4]), number, body))
            except DAMAGE:
                found.replies.pop(key, None)
                found.damaged[key] = number
        if old:
            self._seal(old)
        return found

    def discard(self, keys: Sequence[bytes], model: str) -> None:
        """Remove the damaged rows of `keys`, to be stored anew. Call within a transaction."""
        asked = [key for key in keys if key in self.damaged] if self._indexed else []
        for number in self.read(asked, model).damaged.values() if asked else ():
            self._database.execute("DELETE FROM reply WHERE id = ?", (number,))

    def _rows(self, keys: Sequence[bytes]) -> Iterator[Any]:
        for start in range(0, len(keys), WINDOW):
            chunk = keys[start : start + WINDOW]
            query = f"SELECT {COLUMNS} FROM reply WHERE key IN ({','.join('?' * len(chunk))})"
            yield from self._database.execute(query, chunk)

    def _verify(self, number: int, key: bytes) -> None:
        """Raises DamageError where the request that a row without a seal stands for is not that of `key`."""
        row = self._database.execute(f"SELECT {REQUEST} FROM reply WHERE id = ?", (number,)).fetchone()
        self._parts.check(key, row or ())

    def _seal(self, rows: list[tuple[bytes, int, bytes]]) -> None:
        # A store that can't be written now is none the worse: the rows are verified the same way the next time.
        with suppress(Exception), self._transaction():
            self._database.executemany("UPDATE reply SET body = ? WHERE id = ? AND body = ?", rows)

    def _rebuild_index(self) -> bool:
        """Make the index of keys anew, once: where only that is damaged, all rows are found again."""
        if not self._indexed:
            with suppress(Exception), self._transaction():
                self._database.execute("REINDEX reply")
                self._indexed = True
                return True
        return False
