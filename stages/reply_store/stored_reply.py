"""Replies with the whole requests that they answer, one by one out of a store that may be damaged."""

import sqlite3
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from stages.core.completions import ReplyStatus
from stages.core.errors import UserError
from stages.reply_store.checksums import DAMAGE, DamageError, seal, unpack
from stages.reply_store.keys import LARGEST, Payload
from stages.reply_store.request_parts import Parts
from stages.reply_store.store import Replies

CHUNK = 500
COLUMNS = "id, key, setting, messages, seed, sample, status, tokens_in, tokens_out, body, created"
KINDS = (int, bytes, int, str, int, int, str, int, int, bytes, int)
MOST = 1 << 40
"""Tokens of a reply that no sum of them overflows."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a shared file."""

    key: str
    payload: Payload
    text: str
    status: ReplyStatus
    tokens_in: Annotated[int, msgspec.Meta(ge=0, le=MOST)]
    tokens_out: Annotated[int, msgspec.Meta(ge=0, le=MOST)]
    error: str
    scores: dict[str, float]
    created: Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
    """Unix seconds."""
    reasoning: str = ""
    seal: str = ""
    """Hash of key, status, counts, time and text; "" in files from before there was one."""
    served: str = ""
    """Name of the model in the server's response."""


def line_of(parts: Parts, row: tuple[Any, ...]) -> Line:
    """A row of `COLUMNS`. Raises DamageError where a part is missing or damaged, or the key does not fit."""
    if tuple(map(type, row)) != KINDS:
        raise DamageError("columns of a reply are of other kinds")
    _, key, setting, messages, seed, sample, status, tokens_in, tokens_out, body, created = row
    numbers = parts.check(key, (setting, messages, seed, sample))
    who = parts.setting(setting)
    reply = unpack((key, status.encode(), tokens_in, tokens_out, created, body), who.model)
    payload = Payload(who, tuple(map(parts.message, numbers)), seed, sample)
    return Line(
        reply.id, payload, reply.text, reply.status, tokens_in, tokens_out, reply.error, reply.scores, created,
        reply.reasoning, seal(key, reply, created), reply.served,
    )  # fmt: skip


def lines_of(replies: Replies) -> Iterator[Line]:
    """Every reply in the order it was stored. Raises UserError at damage."""
    parts, last = Parts(replies.database), 0
    while True:
        with replies.told():
            rows = replies.database.execute(
                f"SELECT {COLUMNS} FROM reply WHERE id > ? ORDER BY id LIMIT {CHUNK}", (last,)
            ).fetchall()
            lines = [line_of(parts, row) for row in rows]
        if not rows:
            return
        yield from lines
        last = rows[-1][0]


def salvaged(replies: Replies) -> Iterator[Line | None]:
    """Every reply that can be read, one look-up each, and None for each that can't."""
    parts = Parts(replies.database)
    for number in _numbers(replies):
        try:
            row = replies.database.execute(f"SELECT {COLUMNS} FROM reply WHERE id = ?", (number,)).fetchone()
            if row is not None:
                yield line_of(parts, row)
        except (sqlite3.DatabaseError, *DAMAGE):
            yield None


def _numbers(replies: Replies) -> range:
    for query in ("SELECT max(id) FROM reply", "SELECT max(id) FROM reply INDEXED BY sqlite_autoindex_reply_1"):
        try:
            return range(1, (replies.database.execute(query).fetchone()[0] or 0) + 1)
        except sqlite3.DatabaseError:
            continue
    raise UserError(f"{replies.path}: too damaged to be read reply by reply; try `.recover` of the sqlite3 program")
