"""The stored form of a reply: its compressed body after a checksum over all columns that a look-up returns.

The checksum is BLAKE2b cut to 16 bytes: 1 µs for a reply of 600 characters, and wide enough that damage does not pass
by chance, as it would with a CRC. A hash of the text in a column of its own tells a body that was put in place of
another, also one without a checksum. Neither is a signature: whoever may write to the store can write both anew. For
that, rows of artifacts and of published sets have the hashes of their replies' texts.
"""

import zlib
from hashlib import blake2b as _blake2b
from hashlib import sha256 as _sha256

import msgspec

from stages.core.completions import Reply, ReplyStatus

REMEMBERED: frozenset[ReplyStatus] = frozenset({"ok", "truncated", "refused"})
"""Statuses of replies that are stored. A failed request is not: sent again, it may succeed."""
CHECKSUMMED = b"\x01"
"""First byte of a body with a checksum; one of version 1, without, begins with zlib's 0x78."""
LENGTH = 16
"""Bytes of a checksum."""


class DamageError(Exception):
    """Stored data is not what was written."""


DAMAGE = (DamageError, msgspec.DecodeError, UnicodeDecodeError, MemoryError)
"""Exceptions of reading a damaged page, besides SQLite's."""


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The compressed part of a stored reply."""

    text: str
    error: str
    scores: dict[str, float]
    reasoning: str = ""
    """Absent in replies that were stored before the field existed."""
    served: str = ""
    """Absent where empty, so that checksums of older replies stay valid."""


ROW_TEXT_HASH = "text_hash"
"""Column of the reply table: the bytes of `text_hash`; NULL in rows that an earlier seqit wrote."""
Columns = tuple[bytes, bytes, int, int, int, bytes]
"""The columns of a look-up: key, status, tokens_in, tokens_out, created, body."""
KINDS = (bytes, bytes, int, int, int, bytes)
STATUSES: dict[bytes, ReplyStatus] = {status.encode(): status for status in REMEMBERED}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode


def checksum(key: bytes, reply: Reply, created: int) -> str:
    """The checksum of a reply in hexadecimal, as exported files have it (field `seal`)."""
    return _digest(key, reply.status.encode(), reply.tokens_in, reply.tokens_out, created, _content(reply)).hex()


def pack(key: bytes, reply: Reply, created: int) -> bytes:
    """The stored body of a reply: the checksum, then its text, error, scores and reasoning, compressed."""
    content = _content(reply)
    digest = _digest(key, reply.status.encode(), reply.tokens_in, reply.tokens_out, created, content)
    return CHECKSUMMED + digest + zlib.compress(content, 1)


def unpack(row: Columns, model: str) -> Reply:
    """The reply of a row. Raises DamageError if the row is not what was stored under its key."""
    if tuple(map(type, row)) != KINDS:
        raise DamageError("columns of a reply are of other kinds")
    key, status, tokens_in, tokens_out, created, body = row
    if status not in STATUSES:
        raise DamageError(f"reply {key.hex()}: has no status that is stored")
    try:
        checksummed = has_checksum(body)
        content = inflate(body[1 + LENGTH :] if checksummed else body)
        if checksummed and body[1 : 1 + LENGTH] != _digest(key, status, tokens_in, tokens_out, created, content):
            raise DamageError("is not what was stored under this key")
        parts = _decode(content)
    except DAMAGE as damage:
        raise DamageError(f"reply {key.hex()}: {damage}") from None
    return Reply(
        parts.text, STATUSES[status], tokens_in, tokens_out, parts.error, key.hex(), model, parts.scores,
        parts.reasoning, text_hash(parts.text), served=parts.served,
    )  # fmt: skip


def check_text(reply: Reply, recorded: object) -> None:
    """Raise DamageError where a hash of a reply's text is recorded, and is that of another text."""
    if recorded is not None and recorded != bytes.fromhex(reply.text_hash):
        raise DamageError(f"reply {reply.id}: its text is not that whose hash was recorded")


def has_checksum(body: bytes) -> bool:
    """Whether a body has a checksum; those of version 1 have none."""
    return body[:1] == CHECKSUMMED


def inflate(body: bytes) -> bytes:
    """Decompressed data. Raises DamageError if it is damaged."""
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise DamageError(str(error)) from None


def text_hash(text: str) -> str:
    """First 32 hexadecimal digits of the SHA-256 of a reply's text."""
    return _sha256(text.encode()).hexdigest()[:32]


def _content(reply: Reply) -> bytes:
    # As `Body`, except that msgspec would write the last field also where it is empty.
    body = (reply.text, reply.error, reply.scores, reply.reasoning)
    return _encode((*body, reply.served) if reply.served else body)


def _digest(key: bytes, status: bytes, tokens_in: int, tokens_out: int, created: int, content: bytes) -> bytes:
    head = b"%b %b %d %d %d " % (key, status, tokens_in, tokens_out, created)
    return _blake2b(head + content, digest_size=LENGTH).digest()
