"""Removes replies from a store, and gives the disk space back."""

import time

from stages.core.errors import UserError
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import Replies, file_size


def prune(replies: Replies, model: str, before: str) -> int:
    """Delete replies of models whose identity contains `model`, stored before the day `before` (ISO); returns how many.

    Raises UserError where neither is given.
    """
    if not model and not before:
        raise UserError("say which replies to forget: --model, --before, or both")
    parts = RequestParts(replies.database)
    until = _seconds(before) if before else int(time.time()) + 1
    with replies.transaction():
        settings = [row[0] for row in replies.database.execute("SELECT DISTINCT setting FROM reply")]
        chosen = [number for number in settings if model in parts.setting(number).model]
        marks = ",".join(map(str, chosen))
        query = f"DELETE FROM reply WHERE setting IN ({marks}) AND created < ?"
        deleted = replies.database.execute(query, (until,)).rowcount
        _drop_orphans(replies)
    return deleted


def compact(replies: Replies) -> tuple[int, int]:
    """Shrink the file to its contents; returns its size in bytes before and after. Needs as much free disk space."""
    before = file_size(replies.path)
    with replies.transaction():
        _drop_orphans(replies)
    with replies.reports_errors():
        replies.database.execute("VACUUM")
        replies.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return before, file_size(replies.path)


def _drop_orphans(replies: Replies) -> None:
    """Delete settings and messages that no reply uses any more."""
    replies.database.execute(
        "DELETE FROM part WHERE id NOT IN (SELECT setting FROM reply) "
        "AND id NOT IN (SELECT value FROM (SELECT DISTINCT messages FROM reply), json_each(messages))"
    )
    replies.database.execute("UPDATE generation SET number = number + 1")


def _seconds(day: str) -> int:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(day)
    except ValueError:
        raise UserError(f"{day!r} is no date; write it like 2025-04-29") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
