"""The reply store: every completion under the hash of its exact payload, in one SQLite file for several processes.

Three tables. `part` holds each distinct message and each distinct setting once, however many requests share it; `reply`
holds a row a reply: its key, the parts that its payload is made of, and the compressed text; `generation` counts
prunings, so that a process never files a reply under a part that another one has just removed.
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

from stages.engines.identities import Identity
from stages.engines.payloads import Request
from stages.errors import UserError
from stages.messages import Reply, ReplyStatus

APPLICATION = 0x53514954
"""SQLite's application_id of our files: "SQIT"."""
VERSION = 1
WINDOW = 500
"""Keys a query, below the 999 parameters that every build of SQLite takes."""
REMEMBERED: frozenset[ReplyStatus] = frozenset({"ok", "truncated", "refused"})
"""A failure is never stored: asked again, it may succeed."""
PATIENCE = 120.0
"""Seconds to wait for another process's transaction."""

SCHEMA = f"""
CREATE TABLE part (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
CREATE TABLE reply (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, setting INTEGER NOT NULL, messages TEXT NOT NULL,
    seed INTEGER NOT NULL, sample INTEGER NOT NULL, status TEXT NOT NULL, tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL, created INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE generation (number INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (0);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""

INSERT = """INSERT OR IGNORE INTO reply
(key, setting, messages, seed, sample, status, tokens_in, tokens_out, created, body) VALUES (?,?,?,?,?,?,?,?,?,?)"""


HEADER = 100
"""Bytes of the header that every file of SQLite begins with."""
FOREIGN = "is not a reply store, or its first page is damaged; move it aside, or set SEQIT_REPLIES to another file"


class DamageError(Exception):
    """What is stored is not what was stored."""


DAMAGE = (DamageError, msgspec.DecodeError, UnicodeDecodeError, MemoryError)
"""What reading a damaged page may raise besides SQLite's own errors."""


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The compressed part of a remembered reply. Its checksum (zlib's Adler-32) tells a damaged page."""

    text: str
    error: str
    scores: dict[str, float]
    reasoning: str = ""
    """Absent in replies that were stored before there was such a field."""


class _Who(msgspec.Struct):
    """Of a setting: whose it is."""

    model: str
    endpoint: str


_identify = msgspec.json.Decoder(_Who).decode
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode


def pack(reply: Reply) -> bytes:
    """The body of a reply as it is stored."""
    return zlib.compress(_encode(Body(reply.text, reply.error, reply.scores, reply.reasoning)), 1)


def inflate(body: bytes) -> bytes:
    """What was compressed. Raises DamageError."""
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise DamageError(str(error)) from None


def unpack(key: bytes, row: Sequence[Any], model: str) -> Reply:
    """A reply from (status, tokens_in, tokens_out, body). Raises DamageError."""
    if [*map(type, row)] != [str, int, int, bytes]:
        raise DamageError(f"reply {key.hex()}: its columns are of other kinds")
    try:
        body = _decode(inflate(row[3]))
    except DAMAGE as error:
        raise DamageError(f"reply {key.hex()}: {error}") from None
    if row[0] not in REMEMBERED:
        raise DamageError(f"reply {key.hex()}: has no status that is remembered")
    return Reply(body.text, row[0], row[1], row[2], body.error, key.hex(), model, body.scores, body.reasoning)


class Replies:
    """An open store. Safe to use from several threads; any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        """Open or make the store. Raises UserError if the file is not one, is newer, damaged or not writable."""
        self.path = path
        self._lock = threading.RLock()
        self._parts: dict[bytes, int] = {}
        self._generation = -1
        with self.told():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and 0 < path.stat().st_size < HEADER:  # SQLite takes one byte for an empty database
                raise UserError(f"{path}: {FOREIGN}")
            self.database = sqlite3.connect(path, PATIENCE, isolation_level=None, check_same_thread=False)
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
        # NORMAL: what is committed survives the end of the process, not always that of the machine; nothing is damaged.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
            run(f"PRAGMA {pragma}")

    def _check_version(self) -> None:
        application, version = self._version()
        if application != APPLICATION:
            raise UserError(f"{self.path}: not a reply store; point SEQIT_REPLIES at another file")
        if version > VERSION:
            raise UserError(f"{self.path}: its schema ({version}) is newer than this seqit ({VERSION}); update seqit")

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
    def told(self) -> Iterator[None]:
        """SQLite's errors as a UserError that says what to do."""
        try:
            yield
        except (sqlite3.Error, OSError, *DAMAGE) as error:
            raise UserError(f"{self.path}: {_advice(error, self.path)}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, also on a full disk or when the process is killed."""
        with self._lock, self.told():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.database.execute("COMMIT")
            except BaseException:
                self._parts.clear()  # some may have been filed in what is undone here
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise

    def find(self, keys: Sequence[bytes], model: str) -> dict[bytes, Reply]:
        """The remembered replies among `keys`, `WINDOW` keys a query."""
        found: dict[bytes, Reply] = {}
        with self._lock, self.told():
            for start in range(0, len(keys), WINDOW):
                chunk = keys[start : start + WINDOW]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key, status, tokens_in, tokens_out, body FROM reply WHERE key IN ({marks})"
                for key, *row in self.database.execute(query, chunk):
                    found[key] = unpack(key, row, model)
        return found

    def keep(self, answers: Sequence[tuple[Request, Reply]], model: str) -> list[Reply]:
        """Remember a group of replies in one transaction; returns them, in order, as they are remembered.

        A failed reply is not stored and gets no id: no row may name a key that the store does not have.
        A reply that another process stored meanwhile wins over ours, so that whoever asks gets the same text.
        """
        keyed = [(ask, _named(ask, reply, model)) for ask, reply in answers]
        new = [(ask, reply) for ask, reply in keyed if reply.status in REMEMBERED]
        if not new:
            return [reply for _, reply in keyed]
        now = int(time.time())
        with self.transaction():
            self.check_generation()
            rows = [(*self.filed(ask.parts), ask, reply) for ask, reply in new]
            values = [
                (ask.key, setting, messages, ask.prompt.seed, ask.prompt.sample, reply.status,
                 reply.tokens_in, reply.tokens_out, now, pack(reply))
                for setting, messages, ask, reply in rows
            ]  # fmt: skip
            stored = self.insert(values)
            first = {} if stored == len(values) else self.find([ask.key for ask, _ in new], model)
        return [first.get(ask.key, reply) for ask, reply in keyed]

    def spent(self, identity: Identity, after: int = 0) -> tuple[tuple[int, int], int]:
        """Tokens (read, written) of `identity`'s replies filed after the reply number `after`, and the last number.

        Numbers of forgotten replies may come again; whoever counts while another process prunes may count too little.
        """
        with self._lock, self.told():
            (last,) = self.database.execute("SELECT coalesce(max(id), 0) FROM reply").fetchone()
            query = """SELECT coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0),
            (SELECT body FROM part WHERE part.id = setting)
            FROM reply WHERE id > ? AND id <= ? GROUP BY setting"""
            rows = self.database.execute(query, (after, last)).fetchall()
            own = [row[:2] for row in rows if row[2] and _identify(inflate(row[2])) == _Who(*identity)]
        return (sum(read for read, _ in own), sum(written for _, written in own)), last

    def insert(self, values: Iterable[tuple[Any, ...]]) -> int:
        """Rows into the reply table, keys that it has skipped; returns how many were new. Call within a transaction."""
        return self.database.executemany(INSERT, values).rowcount

    def filed(self, parts: Sequence[bytes]) -> tuple[int, str]:
        """The setting's id and the messages' ids (a JSON array) in the part table. Call within a transaction."""
        setting, *messages = (self._part(part) for part in parts)
        return setting, f"[{','.join(map(str, messages))}]"

    def check_generation(self) -> None:
        """Forget part ids that another process may have removed. Call first within a transaction that files parts."""
        (number,) = self.database.execute("SELECT number FROM generation").fetchone()
        if number != self._generation or len(self._parts) > 50_000:
            self._generation = number
            self._parts.clear()

    def _part(self, body: bytes) -> int:
        found = self._parts.get(body)
        if found is None:
            found = self._parts[body] = self._file(body)
        return found

    def _file(self, body: bytes) -> int:
        digest = _digest(body)
        run = self.database.execute
        row = run("SELECT id FROM part WHERE digest = ?", (digest,)).fetchone()
        if row:
            return int(row[0])
        return int(
            run("INSERT INTO part (digest, body) VALUES (?, ?)", (digest, zlib.compress(body, 1))).lastrowid or 0
        )

    def close(self) -> None:
        """Close the file; what was kept stays."""
        with self._lock:
            self.database.close()

    def __enter__(self) -> "Replies":
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _named(ask: Request, reply: Reply, model: str) -> Reply:
    return msgspec.structs.replace(reply, id=ask.key.hex() if reply.status in REMEMBERED else "", model=model)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:16]


_RESCUE = (
    "save what is readable with `python -m stages replies export saved.jsonl.gz --salvage`, move {path} and its "
    "-wal and -shm files aside, then `python -m stages replies import saved.jsonl.gz`"
)


def _advice(error: Exception, path: Path) -> str:
    code = getattr(error, "sqlite_errorname", "") or ""
    text = str(error) or "a page asks for more memory than there is"
    if code == "SQLITE_FULL" or code.startswith(("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM")) or "No space left" in text:
        return "no space left on the disk; every reply stored so far is kept. Free some and run again to go on"
    if code == "SQLITE_NOTADB":
        return FOREIGN
    if isinstance(error, DAMAGE) or code.startswith("SQLITE_CORRUPT") or "malformed" in text:
        return f"is damaged ({text}); {_RESCUE.format(path=path)}"
    if code.startswith("SQLITE_BUSY"):
        return f"another process has kept the store locked for {PATIENCE:.0f} s; see which with `fuser {path}`"
    return f"can't be used ({text}); check the folder's permissions, or set SEQIT_REPLIES to another file"
