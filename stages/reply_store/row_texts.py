"""Compares the texts of stored replies with the text hashes that rows of artifacts recorded."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.reply_store.lookup import WINDOW
from stages.reply_store.store import Replies

KeyAndHash = tuple[str, str]
"""Key of a reply, and the hash of its text when the row was made."""


def compare(replies: Replies, path: Path) -> tuple[int, int]:
    """(replies with the recorded text, replies not in the store), of those that the rows of a JSONL file refer to.

    A damaged reply counts as not in the store; rows of older versions have no hashes. Raises UserError for another
    text.
    """
    sound = absent = 0
    named = (pair for row in artifacts.read(path, dict[str, Any]) for pair in pairs(row))
    while window := dict(islice(named, WINDOW)):
        stored = replies.find([bytes.fromhex(key) for key in window], "")
        for reply in stored.values():
            if reply.text_hash != window[reply.id]:
                raise UserError(
                    f"{path}: reply {reply.id} in {replies.path} has another text than when the row was made; see "
                    f"`seqit replies show {reply.id[:12]}`; if you trust the store, make the artifact again"
                )
        sound, absent = sound + len(stored), absent + len(window) - len(stored)
    return sound, absent


def pairs(value: Any) -> Iterator[KeyAndHash]:
    """Every (key, text hash) within a row: `replies` with `text_hashes`, or `reply` with `text_hash`."""
    if isinstance(value, dict):
        hashes = value.get("text_hashes") or [value.get("text_hash")]
        keys = value.get("replies") if value.get("text_hashes") else [value.get("reply")]
        yield from _valid(zip(keys or [], hashes, strict=False))
    nested: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in nested:
        if isinstance(part, dict | list):
            yield from pairs(part)


def _valid(candidates: Iterable[tuple[Any, Any]]) -> Iterator[KeyAndHash]:
    for key, text_hash in candidates:
        if isinstance(key, str) and isinstance(text_hash, str) and len(key) == 64 and text_hash:
            yield key, text_hash
