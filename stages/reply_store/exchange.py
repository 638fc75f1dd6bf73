"""Exports replies to a file, and imports such a file: how people without a GPU get replies.

A file is JSONL, gzipped if its name ends in .gz, with one reply per line and the whole payload of its request. An
import computes each key from the payload again, so that no reply is stored under a request of another payload.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.errors import UserError
from stages.reply_store.checksums import REMEMBERED, checksum, pack, text_hash
from stages.reply_store.keys import key_of, parts_of
from stages.reply_store.store import Replies
from stages.reply_store.stored_reply import CHUNK, StoredReply, all_replies, as_reply, readable_replies


def export(replies: Replies, path: Path, model: str = "", salvage: bool = False) -> tuple[int, int]:
    """Write the replies of models whose identity contains `model`; returns (written, unreadable).

    Raises UserError at the first reply that can't be read; with `salvage`, leaves such replies out.
    """
    refuse_loss(replies, path)
    unreadable = 0

    def lines() -> Iterator[StoredReply]:
        nonlocal unreadable
        for stored in readable_replies(replies) if salvage else all_replies(replies):
            if stored is None:
                unreadable += 1
            elif model in stored.payload.setting.model:
                yield stored

    return artifacts.write(path, lines()), unreadable


def refuse_loss(replies: Replies, path: Path) -> None:
    """Raise UserError where the export would overwrite anything but an older export."""
    own = [replies.path.with_name(replies.path.name + end).resolve() for end in ("", "-wal", "-shm")]
    if path.resolve() in own:
        raise UserError(f"{path}: is the reply store itself; name another file")
    if path.is_file():
        try:
            next(artifacts.read(path, StoredReply), None)
        except UserError:
            raise UserError(f"{path}: is there already and holds no exported replies; name another file") from None


def timeless(line: StoredReply) -> StoredReply:
    """The line without the time at which its reply was stored, and with the checksum that it has so.

    It has the hash of the text also where an earlier seqit stored the reply without one.
    """
    seal = checksum(bytes.fromhex(line.key), as_reply(line), 0)
    return msgspec.structs.replace(line, created=0, seal=seal, text_sha256=text_hash(line.text))


def import_(replies: Replies, path: Path) -> tuple[int, int]:
    """Store the replies of an exported file, all or none; returns (new, stored before).

    Raises UserError with the line that is damaged, or whose key is not that of its payload.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; name one that `seqit replies export` wrote")
    new = total = 0
    with replies.transaction():
        replies.check_generation()
        for chunk in _chunks(_verified(path)):
            rows = [(line, *replies.part_ids(parts_of(line.payload))) for line in chunk]
            new += replies.insert(_row(*row) for row in rows)
            total += len(rows)
    return new, total - new


def _verified(path: Path) -> Iterator[StoredReply]:
    for number, line in enumerate(artifacts.read(path, StoredReply), 1):
        payload = line.payload
        if key_of(parts_of(payload), payload.seed, payload.sample).hex() != line.key:
            raise UserError(f"{path}: reply {number}: its key does not fit its payload; export it again or remove it")
        if line.status not in REMEMBERED:
            raise UserError(f"{path}: reply {number}: status {line.status!r} is never stored; remove it")
        if line.seal and line.seal != checksum(bytes.fromhex(line.key), as_reply(line), line.created):
            raise UserError(f"{path}: reply {number}: was changed after it was exported; export it again or remove it")
        if line.text_sha256 and line.text_sha256 != text_hash(line.text):
            raise UserError(
                f"{path}: reply {number}: its text is not that of `text_sha256`; export it again or remove it"
            )
        yield line


def _chunks(lines: Iterator[StoredReply]) -> Iterator[list[StoredReply]]:

    while chunk := list(islice(lines, CHUNK)):
        yield chunk


def _row(line: StoredReply, setting: int, messages: str) -> tuple[Any, ...]:
    payload, key = line.payload, bytes.fromhex(line.key)
    return (
        key, setting, messages, payload.seed, payload.sample, line.status,
        line.tokens_in, line.tokens_out, line.created, pack(key, as_reply(line), line.created),
        bytes.fromhex(text_hash(line.text)),
    )  # fmt: skip
