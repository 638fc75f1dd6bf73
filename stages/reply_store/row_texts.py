"""Whether the replies that rows name still have the texts that the rows were made of."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.reply_store.lookup import WINDOW
from stages.reply_store.store import Replies

Named = tuple[str, str]
"""Key of a reply, and the hash of its text that stands beside it."""


def compare(replies: Replies, path: Path) -> tuple[int, int]:
    """How many replies that the rows of a JSONL file name have the text of then, and how many are not in the store.

    Raises UserError where one has another text. A damaged reply counts as not there. Rows of older versions name no
    hashes.
    """
    sound = absent = 0
    named = (pair for row in artifacts.read(path, dict[str, Any]) for pair in pairs(row))
    while window := dict(islice(named, WINDOW)):
        found = replies.find([bytes.fromhex(key) for key in window], "")
        for reply in found.values():
            if reply.text_hash != window[reply.id]:
                raise UserError(
                    f"{path}: reply {reply.id} in {replies.path} has another text than when the row was made; see "
                    f"`python -m stages replies show {reply.id[:12]}`; if you trust the store, make the artifact again"
                )
        sound, absent = sound + len(found), absent + len(window) - len(found)
    return sound, absent


def pairs(value: Any) -> Iterator[Named]:
    """Every pair within a row of any artifact: `replies` with `text_hashes`, or `reply` with `text_hash`."""
    if isinstance(value, dict):
        hashes = value.get("text_hashes") or [value.get("text_hash")]
        keys = value.get("replies") if value.get("text_hashes") else [value.get("reply")]
        yield from _valid(zip(keys or [], hashes, strict=False))
    nested: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in nested:
        if isinstance(part, dict | list):
            yield from pairs(part)


def _valid(found: Iterable[tuple[Any, Any]]) -> Iterator[Named]:
    for key, text_hash in found:
        if isinstance(key, str) and isinstance(text_hash, str) and len(key) == 64 and text_hash:
            yield key, text_hash
