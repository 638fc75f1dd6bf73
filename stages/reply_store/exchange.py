"""What people do with remembered replies: count, show, share as files, prune, compact, check.

A shared file is JSONL, gzipped if its name ends in .gz, with one reply a line together with its whole payload. The key
is computed again from the payload when it is read, so no line is filed under a request that it does not answer.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stages.core import artifacts
from stages.core.completions import Reply
from stages.core.errors import UserError
from stages.core.records import canonical
from stages.reply_store.checksums import REMEMBERED, SEALED, pack, seal
from stages.reply_store.keys import key_of, parts_of
from stages.reply_store.request_parts import Parts
from stages.reply_store.store import Replies
from stages.reply_store.stored_reply import CHUNK, COLUMNS, Line, line_of, lines_of, salvaged


class Count(NamedTuple):
    """Replies of one model at one endpoint."""

    model: str
    endpoint: str
    statuses: dict[str, int]
    tokens_in: int
    tokens_out: int


def count(replies: Replies) -> list[Count]:
    """What is remembered, by model and endpoint."""
    parts = Parts(replies.database)
    with replies.told():
        rows = replies.database.execute(
            "SELECT setting, status, count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0) "
            "FROM reply GROUP BY setting, status"
        ).fetchall()
        owned = [(parts.setting(setting), *rest) for setting, *rest in rows]
    found: dict[tuple[str, str], Count] = {}
    for who, status, number, tokens_in, tokens_out in owned:
        old = found.get((who.model, who.endpoint), Count(who.model, who.endpoint, {}, 0, 0))
        statuses = old.statuses | {status: old.statuses.get(status, 0) + number}
        found[who.model, who.endpoint] = Count(
            who.model, who.endpoint, statuses, old.tokens_in + tokens_in, old.tokens_out + tokens_out
        )
    return [found[name] for name in sorted(found)]


def summary(replies: Replies, everything: bool) -> str:
    """The counts for people; with `everything`, only after each reply has been read and its key computed again."""
    checked = f", {_checked(replies)}" if everything else ""
    lines = [f"{replies.path}: {_size(replies.path):,} bytes{checked}"]
    for one in count(replies):
        statuses = ", ".join(f"{number} {status}" for status, number in sorted(one.statuses.items()))
        lines.append(f"{one.model} via {one.endpoint}: {statuses}; {one.tokens_in} tokens in, {one.tokens_out} out")
    return "\n".join(lines)


def _checked(replies: Replies) -> str:
    total = check(replies)
    old = total - sealed(replies)
    known = f", {old} of them from before replies had a checksum, by their requests alone" if old else ""
    return f"{total} read and found sound{known}"


def show(replies: Replies, key: str) -> list[Line]:
    """The replies whose key begins with `key` (at least 4 hexadecimal digits). Raises UserError where there is none."""
    try:
        low = bytes.fromhex(key.ljust(64, "0"))
        high = bytes.fromhex(key.ljust(64, "f"))
    except ValueError:
        low = high = b""
    if not 4 <= len(key) <= 64 or not low:
        raise UserError(f"{key!r} is no key: give 4 to 64 hexadecimal digits, as in `replies` of a record's steps")
    query = f"SELECT {COLUMNS} FROM reply WHERE key BETWEEN ? AND ? LIMIT {CHUNK}"
    with replies.told():
        rows = replies.database.execute(query, (low, high)).fetchall()
        parts = Parts(replies.database)
        lines = [line_of(parts, row) for row in rows]
    if not lines:
        raise UserError(f"{replies.path}: remembers no reply whose key begins with {key}")
    return lines


def export(replies: Replies, path: Path, model: str = "", salvage: bool = False) -> tuple[int, int]:
    """Write the replies of models whose identity contains `model`; returns how many, and how many could not be read.

    Raises UserError at the first that can't be read, unless `salvage`; then those are left out.
    """
    _refuse_loss(replies, path)
    unreadable = 0

    def lines() -> Iterator[Line]:
        nonlocal unreadable
        for found in salvaged(replies) if salvage else lines_of(replies):
            if found is None:
                unreadable += 1
            elif model in found.payload.setting.model:
                yield found

    return artifacts.write(path, lines()), unreadable


def _refuse_loss(replies: Replies, path: Path) -> None:
    """An export may replace an older one, and nothing else that is there."""
    own = [replies.path.with_name(replies.path.name + end).resolve() for end in ("", "-wal", "-shm")]
    if path.resolve() in own:
        raise UserError(f"{path}: is the reply store itself; name another file")
    if path.is_file():
        try:
            next(artifacts.read(path, Line), None)
        except UserError:
            raise UserError(f"{path}: is there already and holds no exported replies; name another file") from None


def import_(replies: Replies, path: Path) -> tuple[int, int]:
    """Remember the replies of a shared file, all or none; returns how many were new, and how many were there already.

    Raises UserError naming the line that is damaged, or whose key does not fit its payload.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; name one that `python -m stages replies export` wrote")
    new = total = 0
    with replies.transaction():
        replies.check_generation()
        for chunk in _chunks(_verified(path)):
            rows = [(line, *replies.filed(parts_of(line.payload))) for line in chunk]
            new += replies.insert(_row(*row) for row in rows)
            total += len(rows)
    return new, total - new


def prune(replies: Replies, model: str, before: str) -> int:
    """Forget replies of models whose identity contains `model`, stored before the day `before` (ISO); returns how many.

    Raises UserError where neither is given: forgetting everything is what `rm` is for.
    """
    if not model and not before:
        raise UserError("say which replies to forget: --model, --before, or both")
    parts = Parts(replies.database)
    until = _seconds(before) if before else int(time.time()) + 1
    with replies.transaction():
        settings = [row[0] for row in replies.database.execute("SELECT DISTINCT setting FROM reply")]
        chosen = [number for number in settings if model in parts.setting(number).model]
        marks = ",".join(map(str, chosen))
        query = f"DELETE FROM reply WHERE setting IN ({marks}) AND created < ?"
        forgotten = replies.database.execute(query, (until,)).rowcount
        _drop_orphans(replies)
    return forgotten


def compact(replies: Replies) -> tuple[int, int]:
    """Give the disk back what pruning has freed; returns the file's size before and after. Needs as much free space."""
    before = _size(replies.path)
    with replies.transaction():
        _drop_orphans(replies)
    with replies.told():
        replies.database.execute("VACUUM")
        replies.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return before, _size(replies.path)


def check(replies: Replies) -> int:
    """Read every page and every reply, compute every key again; returns how many. Raises UserError for damage."""
    with replies.told():
        for (found,) in replies.database.execute("PRAGMA integrity_check(1)"):
            if found != "ok":
                raise sqlite3.DatabaseError(f"malformed: {found.splitlines()[0]}")
    return sum(1 for _ in lines_of(replies))


def sealed(replies: Replies) -> int:
    """How many replies have a seal; those from before there were seals get theirs when they are next looked up."""
    with replies.told():
        query = "SELECT count(*) FROM reply WHERE substr(body, 1, 1) = ?"
        return int(replies.database.execute(query, (SEALED,)).fetchone()[0])


def _drop_orphans(replies: Replies) -> None:
    replies.database.execute(
        "DELETE FROM part WHERE id NOT IN (SELECT setting FROM reply) "
        "AND id NOT IN (SELECT value FROM (SELECT DISTINCT messages FROM reply), json_each(messages))"
    )
    replies.database.execute("UPDATE generation SET number = number + 1")


def _size(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _seconds(day: str) -> int:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(day)
    except ValueError:
        raise UserError(f"{day!r} is no date; write it like 2025-04-29") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _verified(path: Path) -> Iterator[Line]:
    for number, line in enumerate(artifacts.read(path, Line), 1):
        payload = line.payload
        if key_of(parts_of(payload), payload.seed, payload.sample).hex() != line.key:
            raise UserError(f"{path}: reply {number}: its key does not fit its payload; export it again or remove it")
        if line.status not in REMEMBERED:
            raise UserError(f"{path}: reply {number}: status {line.status!r} is never remembered; remove it")
        if line.seal and line.seal != seal(bytes.fromhex(line.key), _reply(line), line.created):
            raise UserError(f"{path}: reply {number}: was changed after it was exported; export it again or remove it")
        yield line


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    from itertools import islice

    while chunk := list(islice(lines, CHUNK)):
        yield chunk


def _reply(line: Line) -> Reply:
    return Reply(
        line.text, line.status, line.tokens_in, line.tokens_out, line.error, scores=line.scores,
        reasoning=line.reasoning, served=line.served,
    )  # fmt: skip


def _row(line: Line, setting: int, messages: str) -> tuple[Any, ...]:
    payload, key = line.payload, bytes.fromhex(line.key)
    return (
        key, setting, messages, payload.seed, payload.sample, line.status,
        line.tokens_in, line.tokens_out, line.created, pack(key, _reply(line), line.created),
    )  # fmt: skip


def readable(line: Line) -> str:
    """A reply for people: indented JSON, in which hostile text can't move the cursor."""
    text = msgspec.json.format(canonical(line), indent=2).decode()
    return "".join(c if c.isprintable() or c in "\n " else json.dumps(c)[1:-1] for c in text)
