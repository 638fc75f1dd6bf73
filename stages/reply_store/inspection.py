"""Counts, shows and checks the replies of a store."""

import json
import sqlite3
from typing import NamedTuple

import msgspec

from stages.core.errors import UserError
from stages.core.records import canonical
from stages.reply_store.checksums import CHECKSUMMED, ROW_TEXT_HASH, DamageError
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import Replies, file_size
from stages.reply_store.stored_reply import CHUNK, COLUMNS, StoredReply, all_replies, stored_reply


class ReplyCount(NamedTuple):
    """Replies of one model at one endpoint."""

    model: str
    endpoint: str
    statuses: dict[str, int]
    tokens_in: int
    tokens_out: int


def count(replies: Replies) -> list[ReplyCount]:
    """The stored replies, counted by model and endpoint."""
    parts = RequestParts(replies.database)
    with replies.reports_errors():
        rows = replies.database.execute(
            "SELECT setting, status, count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) "
            "FROM reply GROUP BY setting, status"
        ).fetchall()
        grouped = [(parts.setting(setting), *rest) for setting, *rest in rows]
        if any(not isinstance(status, str) for _, status, *_ in grouped):
            raise DamageError("a reply has no status")
    counts: dict[tuple[str, str], ReplyCount] = {}
    for setting, status, number, tokens_in, tokens_out in grouped:
        old = counts.get((setting.model, setting.endpoint), ReplyCount(setting.model, setting.endpoint, {}, 0, 0))
        statuses = old.statuses | {status: old.statuses.get(status, 0) + number}
        counts[setting.model, setting.endpoint] = ReplyCount(
            setting.model, setting.endpoint, statuses, old.tokens_in + tokens_in, old.tokens_out + tokens_out
        )
    return [counts[name] for name in sorted(counts)]


def summary(replies: Replies, everything: bool) -> str:
    """The counts as text; with `everything`, after every reply was read and every key computed again."""
    checked = f", {_checked(replies)}" if everything else ""
    lines = [f"{replies.path}: {file_size(replies.path):,} bytes{checked}"]
    for one in count(replies):
        statuses = ", ".join(f"{number} {status}" for status, number in sorted(one.statuses.items()))
        lines.append(f"{one.model} via {one.endpoint}: {statuses}; {one.tokens_in} tokens in, {one.tokens_out} out")
    return "\n".join(lines)


def _checked(replies: Replies) -> str:
    total = check(replies)
    old = total - count_checksummed(replies)
    known = f", {old} of them from before replies had a checksum, by their requests alone" if old else ""
    bare = total - count_text_hashes(replies)
    unknown = f"; no hash of the text is recorded of {bare} of them, which an earlier seqit stored" if bare else ""
    return f"{total} read and found sound{known}{unknown}"


def check(replies: Replies) -> int:
    """Read every page and every reply and compute every key again; returns the number of replies.

    Raises UserError for damage.
    """
    with replies.reports_errors():
        for (problem,) in replies.database.execute("PRAGMA integrity_check(1)"):
            if problem != "ok":
                raise sqlite3.DatabaseError(f"malformed: {problem.splitlines()[0]}")
    return sum(1 for _ in all_replies(replies))


def count_checksummed(replies: Replies) -> int:
    """How many replies have a checksum; older replies get theirs when they are next looked up."""
    with replies.reports_errors():
        query = "SELECT count(*) FROM reply WHERE substr(body, 1, 1) = ?"
        return int(replies.database.execute(query, (CHECKSUMMED,)).fetchone()[0])


def count_text_hashes(replies: Replies) -> int:
    """How many replies have a hash of their text; those of an earlier seqit get theirs when they are next looked up."""
    with replies.reports_errors():
        return int(replies.database.execute(f"SELECT count({ROW_TEXT_HASH}) FROM reply").fetchone()[0])


def show(replies: Replies, key: str) -> list[StoredReply]:
    """The replies whose key begins with `key` (at least 4 hexadecimal digits). Raises UserError where there is none."""
    try:
        low = bytes.fromhex(key.ljust(64, "0"))
        high = bytes.fromhex(key.ljust(64, "f"))
    except ValueError:
        low = high = b""
    if not 4 <= len(key) <= 64 or not low:
        raise UserError(f"{key!r} is no key: give 4 to 64 hexadecimal digits, as in `replies` of a record's steps")
    query = f"SELECT {COLUMNS} FROM reply WHERE key BETWEEN ? AND ? LIMIT {CHUNK}"
    with replies.reports_errors():
        rows = replies.database.execute(query, (low, high)).fetchall()
        parts = RequestParts(replies.database)
        stored = [stored_reply(parts, row) for row in rows]
    if not stored:
        raise UserError(f"{replies.path}: remembers no reply whose key begins with {key}")
    return stored


def readable(line: StoredReply) -> str:
    """A reply as indented JSON for a terminal; control characters are escaped."""
    text = msgspec.json.format(canonical(line), indent=2).decode()
    return "".join(c if c.isprintable() or c in "\n " else json.dumps(c)[1:-1] for c in text)
