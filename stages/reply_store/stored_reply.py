"""Stored replies with the payloads of their requests, read one by one from a store that may be damaged."""

import sqlite3
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from stages.core.completions import Reply, ReplyStatus
from stages.core.errors import UserError
from stages.reply_store.checksums import DAMAGE, LENGTH, DamageError, check_text, checksum, has_checksum, unpack
from stages.reply_store.keys import LARGEST, Payload
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import Replies

CHUNK = 500
COLUMNS = "id, key, setting, messages, seed, sample, status, tokens_in, tokens_out, body, created, text_hash"
KINDS = (int, bytes, int, str, int, int, str, int, int, bytes, int)
"""Of all but the last, which is bytes or NULL."""
MOST = 1 << 40
"""Limit of a reply's tokens, so that no sum overflows."""


class StoredReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A reply with its request, as one line of an exported file."""

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
    """Checksum of key, status, counts, time and text; "" in older files."""
    text_sha256: str = ""
    """The first 32 hexadecimal digits of the SHA-256 of the text, as it was recorded; "" where it was not."""
    served: str = ""
    """Name of the model in the server's response."""


def as_reply(line: StoredReply) -> Reply:
    """The reply of a line, as the store has it."""
    return Reply(
        line.text, line.status, line.tokens_in, line.tokens_out, line.error, scores=line.scores,
        reasoning=line.reasoning, served=line.served,
    )  # fmt: skip


def stored_reply(parts: RequestParts, row: tuple[Any, ...]) -> StoredReply:
    """The reply of a row of `COLUMNS`. Raises DamageError for a damaged row or one whose key is not its payload's."""
    if tuple(map(type, row[:-1])) != KINDS or not isinstance(row[-1], bytes | None):
        raise DamageError("columns of a reply are of other kinds")
    _, key, setting, messages, seed, sample, status, tokens_in, tokens_out, body, created, recorded = row
    numbers = parts.check(key, (setting, messages, seed, sample))
    shared = parts.setting(setting)
    reply = unpack((key, status.encode(), tokens_in, tokens_out, created, body), shared.model)
    check_text(reply, recorded)
    payload = Payload(shared, tuple(map(parts.message, numbers)), seed, sample)
    return StoredReply(
        reply.id, payload, reply.text, reply.status, tokens_in, tokens_out, reply.error, reply.scores, created,
        reply.reasoning, _seal(key, reply, created, body), recorded.hex() if recorded else "", reply.served,
    )  # fmt: skip


def _seal(key: bytes, reply: Reply, created: int, body: bytes) -> str:
    """The checksum of a reply that was unpacked, and so is that of its body where this has one."""
    return body[1 : 1 + LENGTH].hex() if has_checksum(body) else checksum(key, reply, created)


def all_replies(replies: Replies) -> Iterator[StoredReply]:
    """All replies in the order they were stored. Raises UserError at a damaged one."""
    parts, last = RequestParts(replies.database), 0
    while True:
        with replies.reports_errors():
            rows = replies.database.execute(
                f"SELECT {COLUMNS} FROM reply WHERE id > ? ORDER BY id LIMIT {CHUNK}", (last,)
            ).fetchall()
            stored = [stored_reply(parts, row) for row in rows]
        if not rows:
            return
        yield from stored
        last = rows[-1][0]


def readable_replies(replies: Replies) -> Iterator[StoredReply | None]:
    """All replies, looked up one by one; None for each that can't be read."""
    parts = RequestParts(replies.database)
    for number in _numbers(replies):
        try:
            row = replies.database.execute(f"SELECT {COLUMNS} FROM reply WHERE id = ?", (number,)).fetchone()
            if row is not None:
                yield stored_reply(parts, row)
        except (sqlite3.DatabaseError, *DAMAGE):
            yield None


def _numbers(replies: Replies) -> range:
    for query in ("SELECT max(id) FROM reply", "SELECT max(id) FROM reply INDEXED BY sqlite_autoindex_reply_1"):
        try:
            return range(1, (replies.database.execute(query).fetchone()[0] or 0) + 1)
        except sqlite3.DatabaseError:
            continue
    raise UserError(f"{replies.path}: too damaged to be read reply by reply; try `.recover` of the sqlite3 program")
