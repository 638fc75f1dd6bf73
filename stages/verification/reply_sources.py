"""Stored replies by key, of a reply store opened for reading only or of an exported file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from stages.core import artifacts
from stages.core.errors import UserError
from stages.reply_store.checksums import DAMAGE, ROW_TEXT_HASH, checksum, text_hash
from stages.reply_store.keys import key_of, parts_of
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import APPLICATION, VERSION, has_text_hashes
from stages.reply_store.stored_reply import COLUMNS, StoredReply, as_reply, stored_reply

SQLITE = b"SQLite format 3\0"


class BadReplyError(Exception):
    """A stored reply that is damaged, or whose key is not that of its request."""


class ReplySource(Protocol):
    """Replies that were stored once."""

    def get(self, key: str) -> StoredReply | None:
        """The reply of a key; None where there is none. Raises BadReplyError for one that is not sound."""


class StoreReplies:
    """The replies of a store, which is not written to."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        """database: the open store at `path`."""
        self._path, self._database, self._parts = path, database, RequestParts(database)
        # A store of an earlier seqit is not changed here, so it has no column of hashes.
        columns = COLUMNS if has_text_hashes(database) else COLUMNS.replace(ROW_TEXT_HASH, "NULL")
        self._query = f"SELECT {columns} FROM reply WHERE key = ?"

    def get(self, key: str) -> StoredReply | None:
        """See `ReplySource`."""
        try:
            row = self._database.execute(self._query, (bytes.fromhex(key),)).fetchone()
            return None if row is None else stored_reply(self._parts, row)
        except (sqlite3.Error, ValueError, *DAMAGE) as error:
            raise BadReplyError(f"{self._path}: {error}") from None


class FileReplies:
    """The replies of a file that `seqit replies export` wrote."""

    def __init__(self, path: Path) -> None:
        """Raises UserError for a file that holds anything else."""
        self._path, self._replies = path, {line.key: line for line in artifacts.read(path, StoredReply)}

    def get(self, key: str) -> StoredReply | None:
        """See `ReplySource`."""
        stored = self._replies.get(key)
        if stored is None:
            return None
        payload = stored.payload
        if key_of(parts_of(payload), payload.seed, payload.sample).hex() != key:
            raise BadReplyError(f"{self._path}: reply {key}: its key does not fit its payload")
        if stored.seal and stored.seal != checksum(bytes.fromhex(key), as_reply(stored), stored.created):
            raise BadReplyError(f"{self._path}: reply {key}: was changed after it was exported")
        if stored.text_sha256 and stored.text_sha256 != text_hash(stored.text):
            raise BadReplyError(f"{self._path}: reply {key}: its text is not that of its `text_sha256`")
        return stored


@contextmanager
def open_replies(path: Path) -> Iterator[ReplySource]:
    """The replies of a store or of an exported file. Raises UserError where it is neither, or is not there."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; name a reply store, or a file that `seqit replies export` wrote")
    with open(path, "rb") as stream:
        is_store = stream.read(len(SQLITE)) == SQLITE
    if not is_store:
        yield FileReplies(path)
        return
    database = _database(path)
    try:
        yield StoreReplies(path, database)
    finally:
        database.close()


def _database(path: Path) -> sqlite3.Connection:
    # Without a write-ahead log no process has the store open. `immutable` then makes no files beside it, which SQLite
    # does even to read, and which a file system that can't be written to has no place for.
    is_open = path.with_name(f"{path.name}-wal").exists()
    for options in ("mode=ro", "mode=ro&immutable=1") if is_open else ("mode=ro&immutable=1",):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)
        try:
            application = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute("SELECT count(*) FROM reply WHERE id < 0")
        except sqlite3.Error:
            database.close()
            continue
        if application == APPLICATION and version <= VERSION:
            return database
        database.close()
        break
    raise UserError(f"{path}: is no reply store of this version of seqit, or is damaged; see `seqit replies count`")
