"""The texts of stored replies, by the keys that rows name, for people to read."""

import re
from collections.abc import Iterable
from pathlib import Path

from stages.reply_store.store import Replies

KEY = re.compile(r"[0-9a-f]{64}")


def stored_texts(path: Path, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Key -> text and status of its reply, of those that the store at `path` has; a store is not created.

    Words that are no keys have no reply. Raises UserError for a store that can't be opened.
    """
    wanted = list(dict.fromkeys(filter(KEY.fullmatch, keys)))
    if not wanted or not path.exists():
        return {}
    with Replies(path) as replies:
        stored = replies.find([bytes.fromhex(key) for key in wanted], "")
        return {key.hex(): (reply.text, reply.status) for key, reply in stored.items()}
