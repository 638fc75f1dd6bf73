"""The reply store: every completion under the hash of its payload, in one SQLite file that processes share.

Three tables. `part` has each distinct message and setting once; `reply` has one row per reply: its key, the ids of its
payload's parts, and the compressed text; `generation` counts prunings, so that no process refers to a part that
another one has just deleted.
"""

import hashlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from stages.core.cli import remark
from stages.core.completions import Reply
from stages.core.errors import UserError
from stages.reply_store.checksums import (
    DAMAGE,
    REMEMBERED,
    ROW_TEXT_HASH,
    DamageError,
    inflate,
    pack,
    text_hash,
)  # fmt: skip
from stages.reply_store.identity import Identity
from stages.reply_store.keys import Request
from stages.reply_store.lookup import Lookup

APPLICATION = 0x53514954
"""SQLite's application_id of our files: "SQIT"."""
VERSION = 2
"""1: replies have no checksum. 2: new ones have; old ones get theirs when they are read."""
PATIENCE = 120.0
"""Seconds to wait for a transaction of another process."""

SCHEMA = f"""
CREATE TABLE part (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
CREATE TABLE reply (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, setting INTEGER NOT NULL, messages TEXT NOT NULL,
    seed INTEGER NOT NULL, sample INTEGER NOT NULL, status TEXT NOT NULL, tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL, created INTEGER NOT NULL, body BLOB NOT NULL, {ROW_TEXT_HASH} BLOB
) STRICT;
CREATE TABLE generation (number INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (0);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""

INSERT = f"""INSERT OR IGNORE INTO reply
(key, setting, messages, seed, sample, status, tokens_in, tokens_out, created, body, {ROW_TEXT_HASH})
VALUES (?,?,?,?,?,?,?,?,?,?,?)"""


HEADER = 100
"""Bytes of the header of an SQLite file."""
FOREIGN = "is not a reply store, or its first page is damaged; move it aside, or set SEQIT_REPLIES to another file"


class _Owner(msgspec.Struct):
    """The identity within a setting."""

    model: str
    endpoint: str


_identify = msgspec.json.Decoder(_Owner).decode


class Replies:
    """An open store. Safe to use from several threads; any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        """Open or create the store. Raises UserError if the file is no store, newer, damaged or not writable."""
        self.path = path
        self._lock = threading.RLock()
        self._parts: dict[bytes, int] = {}
        self._generation = -1
        with self.reports_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and 0 < path.stat().st_size < HEADER:  # SQLite takes one byte for an empty database
                raise UserError(f"{path}: {FOREIGN}")
            self.database = sqlite3.connect(path, PATIENCE, isolation_level=None, check_same_thread=False)
            self._lookup = Lookup(self.database, self.transaction)
            try:
                self._prepare()
            except BaseException:
                self.database.close()
                raise

    def _prepare(self) -> None:
        run = self.database.execute
        if self._version() == (0, 0) and not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._create()
        self._check_version()
        # NORMAL: commits survive the end of the process; a crash of the machine may lose the last ones, and damages
        # none.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
            run(f"PRAGMA {pragma}")

    def _check_version(self) -> None:
        application, version = self._version()
        if application != APPLICATION:
            raise UserError(f"{self.path}: not a reply store; point SEQIT_REPLIES at another file")
        if version > VERSION:
            raise UserError(f"{self.path}: its schema ({version}) is newer than this seqit ({VERSION}); update seqit")
        if version < VERSION:
            with self.transaction():  # an older seqit would take a reply with a checksum for a damaged one
                self.database.execute(f"PRAGMA user_version = {VERSION}")
        if not has_text_hashes(self.database):
            with self.transaction():
                # Another process may have added it meanwhile. The version stays: an older seqit that has the store open
                # reads and writes its own columns, and leaves this one empty.
                if not has_text_hashes(self.database):
                    self.database.execute(f"ALTER TABLE reply ADD COLUMN {ROW_TEXT_HASH} BLOB")

    def _version(self) -> tuple[int, int]:
        run = self.database.execute
        return run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0]

    def _create(self) -> None:
        with self.transaction():
            # Another process may have made the tables while this one waited for its turn.
            if self._version() == (0, 0):
                for statement in filter(str.strip, SCHEMA.split(";")):
                    self.database.execute(statement)

    @contextmanager
    def reports_errors(self) -> Iterator[None]:
        """Raise SQLite's errors as a UserError that says what to do."""
        try:
            yield
        except (sqlite3.Error, OSError, *DAMAGE) as error:
            raise UserError(f"{self.path}: {_advice(error, self.path)}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: all or nothing, also on a full disk or when the process is killed."""
        with self._lock, self.reports_errors():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.database.execute("COMMIT")
            except BaseException:
                self._parts.clear()  # some may have been inserted in what is rolled back
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise

    def find(self, keys: Sequence[bytes], model: str) -> dict[bytes, Reply]:
        """The stored replies among `keys`; damaged ones count as missing (`close` prints how many)."""
        with self._lock, self.reports_errors():
            return self._lookup.find(keys, model)

    def keep(self, answers: Sequence[tuple[Request, Reply]], model: str) -> list[Reply]:
        """Store replies in one transaction; returns them in order as they are stored.

        A failed reply is not stored and gets no id. Of a reply that another process has stored meanwhile, the other's
        is returned, so that a request has one reply only.
        """
        keyed = [(ask, _as_stored(ask, reply, model)) for ask, reply in answers]
        new = [(ask, reply) for ask, reply in keyed if reply.status in REMEMBERED]
        if not new:
            return [reply for _, reply in keyed]
        now = int(time.time())
        with self.transaction():
            self.check_generation()
            self._lookup.discard([ask.key for ask, _ in new], model)
            rows = [(*self.part_ids(ask.parts), ask, reply) for ask, reply in new]
            values = [
                (ask.key, setting, messages, ask.prompt.seed, ask.prompt.sample, reply.status,
                 reply.tokens_in, reply.tokens_out, now, pack(ask.key, reply, now), bytes.fromhex(reply.text_hash))
                for setting, messages, ask, reply in rows
            ]  # fmt: skip
            stored = self.insert(values)
            first = {} if stored == len(values) else self.find([ask.key for ask, _ in new], model)
        return [first.get(ask.key, reply) for ask, reply in keyed]

    def spent(self, identity: Identity, after: int = 0) -> tuple[tuple[int, int], int]:
        """((tokens in, tokens out), last id) of the replies of `identity` with an id above `after`.

        Ids of deleted replies may be used again, so the sum may be too low while another process prunes.
        """
        with self._lock, self.reports_errors():
            (last,) = self.database.execute("SELECT coalesce(max(id), 0) FROM reply").fetchone()
            query = """SELECT coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0),
            (SELECT body FROM part WHERE part.id = setting)
            FROM reply WHERE id > ? AND id <= ? GROUP BY setting"""
            rows = self.database.execute(query, (after, last)).fetchall()
            own = [row[:2] for row in rows if row[2] and _identify(inflate(row[2])) == _Owner(*identity)]
        return (sum(read for read, _ in own), sum(written for _, written in own)), last

    def insert(self, values: Iterable[tuple[Any, ...]]) -> int:
        """Insert rows into the reply table, except for keys that it has; returns how many. Call within a
        transaction."""
        return self.database.executemany(INSERT, values).rowcount

    def part_ids(self, parts: Sequence[bytes]) -> tuple[int, str]:
        """The setting's id and the messages' ids (a JSON array), inserted if new. Call within a transaction."""
        setting, *messages = (self._part(part) for part in parts)
        return setting, f"[{','.join(map(str, messages))}]"

    def check_generation(self) -> None:
        """Clear the cache of part ids if another process has pruned. Call first in a transaction that inserts parts."""
        (number,) = self.database.execute("SELECT number FROM generation").fetchone()
        if number != self._generation or len(self._parts) > 50_000:
            self._generation = number
            self._parts.clear()

    def _part(self, body: bytes) -> int:
        number = self._parts.get(body)
        if number is None:
            number = self._parts[body] = self._file(body)
        return number

    def _file(self, body: bytes) -> int:
        digest = _digest(body)
        run = self.database.execute
        row = run("SELECT id, body FROM part WHERE digest = ?", (digest,)).fetchone()
        if row:
            if inflate(row[1]) != body:
                raise DamageError(f"part {row[0]} of a payload is another than its hash says")
            return int(row[0])
        return int(
            run("INSERT INTO part (digest, body) VALUES (?, ?)", (digest, zlib.compress(body, 1))).lastrowid or 0
        )

    def close(self) -> None:
        """Close the file. Prints a line on stderr if damaged replies were looked up."""
        with self._lock:
            damaged, self._lookup.damaged = self._lookup.damaged, set()
            self.database.close()
        if damaged:
            remark(
                f"{self.path}: {len(damaged)} of the replies that were looked up are damaged and counted as not there; "
                "see with `seqit replies count --check` whether more are"
            )

    def __enter__(self) -> "Replies":
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _as_stored(ask: Request, reply: Reply, model: str) -> Reply:
    if reply.status not in REMEMBERED:
        return msgspec.structs.replace(reply, id="", model=model)
    return msgspec.structs.replace(reply, id=ask.key.hex(), model=model, text_hash=text_hash(reply.text))


def has_text_hashes(database: sqlite3.Connection) -> bool:
    """Whether the replies of a store have a column for the hash of their text; one that an earlier seqit made has none
    until this one opens it."""
    return any(row[1] == ROW_TEXT_HASH for row in database.execute("PRAGMA table_info(reply)"))


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:16]


_RESCUE = (
    "save what is readable with `seqit replies export saved.jsonl.gz --salvage`, move {path} and its "
    "-wal and -shm files aside, then `seqit replies import saved.jsonl.gz`"
)


def _advice(error: Exception, path: Path) -> str:
    code = getattr(error, "sqlite_errorname", "") or ""
    text = str(error) or "a page asks for more memory than there is"
    if code == "SQLITE_FULL" or code.startswith(("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM")) or "No space left" in text:
        return "no space left on the disk; every reply stored so far is kept. Free some and run again to go on"
    if code == "SQLITE_NOTADB":
        return FOREIGN
    if isinstance(error, DAMAGE) or code.startswith(("SQLITE_CORRUPT", "SQLITE_ERROR")) or "malformed" in text:
        return f"is damaged ({text}); {_RESCUE.format(path=path)}"
    if code.startswith("SQLITE_BUSY"):
        return f"another process has kept the store locked for {PATIENCE:.0f} s; see which with `fuser {path}`"
    return f"can't be used ({text}); check the folder's permissions, or set SEQIT_REPLIES to another file"


def file_size(path: Path) -> int:
    """Bytes of a store on the disk, with its write-ahead log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
