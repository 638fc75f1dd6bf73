"""The texts of stored replies, by the keys that rows name, for people to read."""

import re
from collections.abc import Iterable
from pathlib import Path

from stages.core.completions import Reply
from stages.reply_store.store import Replies

KEY = re.compile(r"[0-9a-f]{64}")


def stored_replies(path: Path, keys: Iterable[str]) -> dict[str, Reply]:
    """Key -> its reply, of those that the store at `path` has; none where there is no store, which is not created.

    Words that are no keys have no reply. Raises UserError for a store that can't be opened.
    """
    wanted = list(dict.fromkeys(filter(KEY.fullmatch, keys)))
    if not wanted or not path.exists():
        return {}
    with Replies(path) as replies:
        return {key.hex(): reply for key, reply in replies.find([bytes.fromhex(key) for key in wanted], "").items()}
