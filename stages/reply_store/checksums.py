"""The stored form of a reply: a compressed body behind a seal, a hash of all that a look-up gives back.

BLAKE2b cut to 16 bytes: 1 µs for a reply of 600 characters, part of Python, and wide enough that damage never passes by
chance, as it does with a CRC. Whoever forges a store can compute it anew: against that, rows hold a hash of each text.
"""

import zlib
from hashlib import blake2b as _blake2b
from hashlib import sha256 as _sha256

import msgspec

from stages.core.completions import Reply, ReplyStatus

REMEMBERED: frozenset[ReplyStatus] = frozenset({"ok", "truncated", "refused"})
"""A failure is never stored: asked again, it may succeed."""
SEALED = b"\x01"
"""First byte of a sealed body; an old one, compressed text alone, begins with zlib's 0x78."""
LENGTH = 16
"""Bytes of a seal."""


class DamageError(Exception):
    """What is stored is not what was stored."""


DAMAGE = (DamageError, msgspec.DecodeError, UnicodeDecodeError, MemoryError)
"""What reading a damaged page may raise besides SQLite's own errors."""


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The compressed part of a stored reply."""

    text: str
    error: str
    scores: dict[str, float]
    reasoning: str = ""
    """Absent in replies that were stored before there was such a field."""
    served: str = ""
    """Absent where there is none: the seals of replies that were exported before there was such a field stay."""


Columns = tuple[bytes, bytes, int, int, int, bytes]
"""What a look-up reads of a row: key, status, tokens_in, tokens_out, created, body."""
KINDS = (bytes, bytes, int, int, int, bytes)
STATUSES: dict[bytes, ReplyStatus] = {status.encode(): status for status in REMEMBERED}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode


def seal(key: bytes, reply: Reply, created: int) -> str:
    """The seal of a reply, as hexadecimal digits: what an exported line shows."""
    return _seal(key, reply.status.encode(), reply.tokens_in, reply.tokens_out, created, _content(reply)).hex()


def pack(key: bytes, reply: Reply, created: int) -> bytes:
    """The body of a reply as it is stored: its seal, then its text, error and scores."""
    content = _content(reply)
    sealed = _seal(key, reply.status.encode(), reply.tokens_in, reply.tokens_out, created, content)
    return SEALED + sealed + zlib.compress(content, 1)


def unpack(row: Columns, model: str) -> Reply:
    """The reply of a row. Raises DamageError where the row is not what was stored under its key."""
    if tuple(map(type, row)) != KINDS:
        raise DamageError("columns of a reply are of other kinds")
    key, status, tokens_in, tokens_out, created, body = row
    if status not in STATUSES:
        raise DamageError(f"reply {key.hex()}: has no status that is remembered")
    try:
        sealed = is_sealed(body)
        content = inflate(body[1 + LENGTH :] if sealed else body)
        if sealed and body[1 : 1 + LENGTH] != _seal(key, status, tokens_in, tokens_out, created, content):
            raise DamageError("is not what was stored under this key")
        parts = _decode(content)
    except DAMAGE as damage:
        raise DamageError(f"reply {key.hex()}: {damage}") from None
    return Reply(
        parts.text, STATUSES[status], tokens_in, tokens_out, parts.error, key.hex(), model, parts.scores,
        parts.reasoning, text_hash(parts.text), served=parts.served,
    )  # fmt: skip


def is_sealed(body: bytes) -> bool:
    """Whether a body has a seal; one from before there were seals has none."""
    return body[:1] == SEALED


def inflate(body: bytes) -> bytes:
    """What was compressed. Raises DamageError."""
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise DamageError(str(error)) from None


def text_hash(text: str) -> str:
    """First 32 hexadecimal digits of the SHA-256 of a reply's text."""
    return _sha256(text.encode()).hexdigest()[:32]


def _content(reply: Reply) -> bytes:
    # As `Body`, of which msgspec would write the last field also where it is empty.
    body = (reply.text, reply.error, reply.scores, reply.reasoning)
    return _encode((*body, reply.served) if reply.served else body)


def _seal(key: bytes, status: bytes, tokens_in: int, tokens_out: int, created: int, content: bytes) -> bytes:
    head = b"%b %b %d %d %d " % (key, status, tokens_in, tokens_out, created)
    return _blake2b(head + content, digest_size=LENGTH).digest()
