"""Claims on keys, so that of several processes that need the same reply at once only one requests it.

A claim is a lock on one byte of a file next to the store, at an offset computed from the key. The kernel releases such
locks when a process ends, even by SIGKILL. Claims work between the processes of one machine, and between machines on
NFS if it has a lock daemon; on a file system without locks, every process requests for itself.
"""

import errno
import fcntl
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice
from pathlib import Path

from stages.core.cli import remark
from stages.core.completions import Reply
from stages.core.errors import UserError
from stages.reply_store.keys import Request
from stages.reply_store.lookup import WINDOW

POLL = 0.2
"""Seconds between two look-ups of replies that another process has requested."""
PATIENCE = 900.0
"""Seconds without a reply from another process after which this one requests them too: longer than the longest
Retry-After that is honoured."""
TAKEN = (errno.EACCES, errno.EAGAIN)


class Claims:
    """The claims of this process on the keys of one store."""

    def __init__(self, store: Path) -> None:
        """`store`: its file; the locks are on another file, named with .lock added. Raises UserError."""
        try:
            self._file = _file(f"{store.resolve()}.lock")
        except OSError as error:
            raise UserError(f"{store}.lock: {error.strerror}; check the folder's permissions and the disk") from None

    def take(self, key: bytes) -> bool:
        """Claim `key`; False if another process has claimed it. Each success must be released once."""
        return self._file.take(_offset(key))

    def release(self, keys: Iterable[bytes]) -> None:
        """Release the claims on `keys`: their replies are stored, or no longer needed."""
        for key in keys:
            self._file.release(_offset(key))


def _offset(key: bytes) -> int:
    return int.from_bytes(key[:8], "big") >> 2  # below the largest offset of a file


class Sharing:
    """Divides the requests of one stream into those to send and those that another process has sent."""

    def __init__(
        self, claims: Claims | None, find: Callable[[list[bytes]], dict[bytes, Reply]],
        patience: float = 0.0, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """claims: None where every process requests for itself. find: looks keys up in the store.

        patience: seconds without a reply from another process after which this one requests them too, 0 for PATIENCE.
        clock: seconds.
        """
        self._claims, self._find, self._patience, self._clock = claims, find, patience or PATIENCE, clock
        self.waiting: dict[bytes, Request] = {}
        """Requests that another process has claimed."""
        self._looked = self._moved = 0.0

    def divide(self, asks: list[Request]) -> tuple[dict[bytes, Reply], list[Request]]:
        """(replies stored meanwhile, requests to send), of requests that were not in the store."""
        if self._claims is None:
            return {}, asks
        own = [ask for ask in asks if self._take(ask)]
        # Another process may have stored it between the look-up and the claim.
        stored = self._find([ask.key for ask in own]) if own else {}
        self.release(stored)
        return stored, [ask for ask in own if ask.key not in stored]

    def look_again(self) -> tuple[dict[bytes, Reply], list[Request]]:
        """The same for `waiting`, at most every `POLL` seconds, oldest first."""
        now = self._clock()
        if not self.waiting or now - self._looked < POLL:
            return {}, []
        head = dict(islice(self.waiting.items(), WINDOW))
        stored = self._find([*head])
        more, own = self.divide([ask for key, ask in head.items() if key not in stored])
        stored |= more
        if stored or own:
            self._moved = now
        elif now - self._moved > self._patience:
            own = self._overtake([*head.values()])
        for key in (*stored, *(ask.key for ask in own)):
            self.waiting.pop(key, None)
        self._looked = 0.0 if stored or own else self._clock()
        return stored, own

    def release(self, keys: Iterable[bytes]) -> None:
        """Release the claims on requests that `divide` returned."""
        if self._claims:
            self._claims.release(keys)

    def _take(self, ask: Request) -> bool:
        assert self._claims
        own = self._claims.take(ask.key)
        if not own:
            self._moved = self._moved if self.waiting else self._clock()
            self.waiting.setdefault(ask.key, ask)
        return own

    def _overtake(self, asks: list[Request]) -> list[Request]:
        """Send without a claim, since the process that has it makes no progress."""
        remark(f"another process has requested {len(asks)} replies and gets none; they are requested here as well")
        self._moved = self._clock()
        return asks


class _LockFile:
    """A file with byte locks. They belong to the process, so all its threads share one object per file."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[int] = Counter()
        # Never closed: that would release every lock of the process on the file.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)

    def take(self, offset: int) -> bool:
        with self._lock:
            if not self._counts[offset] and not self._locked(offset):
                del self._counts[offset]
                return False
            self._counts[offset] += 1
            return True

    def _locked(self, offset: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except OSError as error:
            return error.errno not in TAKEN  # without locks, send twice rather than wait for ever
        return True

    def release(self, offset: int) -> None:
        with self._lock:
            if not self._counts[offset]:  # sent without a claim
                del self._counts[offset]
                return
            self._counts[offset] -= 1
            if not self._counts[offset]:
                del self._counts[offset]
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, offset)


@cache
def _file(path: str) -> _LockFile:
    return _LockFile(path)
