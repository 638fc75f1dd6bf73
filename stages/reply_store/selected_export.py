"""Exports the replies of given keys to a file of the same bytes on every machine that has them.

Replies are in the order of their keys and without the time at which they were stored (`created` is 0), since a time
says nothing of a reply and would change the file with every run.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from stages.core import artifacts
from stages.core.cli import report_losses
from stages.core.errors import UserError
from stages.reply_store.checksums import DAMAGE
from stages.reply_store.exchange import refuse_loss, timeless
from stages.reply_store.lookup import WINDOW
from stages.reply_store.request_parts import RequestParts
from stages.reply_store.store import Replies
from stages.reply_store.stored_reply import COLUMNS, StoredReply, stored_reply

ABSENT = "not in the store"
DAMAGED = "damaged in the store"
ADDRESSED = "of a server, whose address is a part of their keys; --addresses writes it into the file"


class Exported(NamedTuple):
    """What became of the replies."""

    written: int
    missing: dict[str, int]
    """Why a reply is not in the file -> how many are not."""


def export_selected(replies: Replies, path: Path, keys: Iterable[str], addresses: bool = False) -> Exported:
    """Write the replies of these keys (64 hexadecimal digits).

    addresses: whether replies of servers are written too, whose requests name the address that they were sent to.
    Raises UserError where the file would overwrite anything but exported replies.
    """
    refuse_loss(replies, path)
    missing: Counter[str] = Counter()
    wanted = sorted({*keys})
    if wanted and not any(_present(replies, window) for window in _batched(wanted)):
        raise UserError(
            f"{replies.path}: has none of the {len(wanted):,} replies that are named; run the pipeline here, or `seqit "
            "replies import` a file that has them (data/replies/ has those of the committed run)"
        )
    return Exported(artifacts.write(path, _lines(replies, wanted, addresses, missing)), dict(missing))


def _batched(keys: list[str]) -> Iterator[list[str]]:
    left = iter(keys)
    while window := list(islice(left, WINDOW)):
        yield window


def _present(replies: Replies, keys: list[str]) -> bool:
    query = f"SELECT 1 FROM reply WHERE key IN ({','.join('?' * len(keys))}) LIMIT 1"
    with replies.reports_errors():
        return replies.database.execute(query, [bytes.fromhex(key) for key in keys]).fetchone() is not None


def tell(exported: Exported, path: Path) -> None:
    """Print how many replies were written, and on stderr how many are missing and why."""
    print(f"{path}: {exported.written:,} replies written")
    total = exported.written + sum(exported.missing.values())
    report_losses(total, {"missing": exported.missing}, kept="written", unit="replies")


def _lines(replies: Replies, keys: list[str], addresses: bool, missing: Counter[str]) -> Iterator[StoredReply]:
    parts = RequestParts(replies.database)
    for window in _batched(keys):
        query = f"SELECT {COLUMNS} FROM reply WHERE key IN ({','.join('?' * len(window))}) ORDER BY key"
        with replies.reports_errors():
            rows = replies.database.execute(query, [bytes.fromhex(key) for key in window]).fetchall()
        if len(rows) < len(window):
            missing[ABSENT] += len(window) - len(rows)
        for row in rows:
            try:
                stored = stored_reply(parts, row)
            except (sqlite3.DatabaseError, *DAMAGE):
                missing[DAMAGED] += 1
                continue
            if not addresses and _names_address(stored):
                missing[ADDRESSED] += 1
                continue
            yield timeless(stored)


def _names_address(stored: StoredReply) -> bool:
    setting = stored.payload.setting
    return "://" in setting.model or "://" in setting.endpoint
