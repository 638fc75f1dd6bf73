"""Which process asks for which reply: two that want the same one at once pay for it once.

A claim on a key is a lock on one byte of a file beside the store, at an offset taken from the key. The kernel gives
such locks up when a process ends, however it ends, so nothing is left behind by a kill -9, and no clock plays a part.
They hold between the processes of one machine; between machines that share a store over NFS, as far as its lock daemon
does; and where a file system has no locks, every process asks for itself.
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
"""Seconds between two looks at what another process is asking."""
PATIENCE = 900.0
"""Seconds without any reply of another process's after which they are asked for here: longer than the longest
Retry-After that is waited for."""
TAKEN = (errno.EACCES, errno.EAGAIN)


class Claims:
    """The claims of this process on the keys of one store."""

    def __init__(self, store: Path) -> None:
        """`store`: its file; the locks are in another, with .lock added to its name. Raises UserError."""
        try:
            self._file = _file(f"{store.resolve()}.lock")
        except OSError as error:
            raise UserError(f"{store}.lock: {error.strerror}; check the folder's permissions and the disk") from None

    def take(self, key: bytes) -> bool:
        """Whether the reply to `key` is this process's to ask for. Each success must be released once."""
        return self._file.take(_offset(key))

    def release(self, keys: Iterable[bytes]) -> None:
        """Give the claims on `keys` up: their replies are stored, or nobody here asks for them any more."""
        for key in keys:
            self._file.release(_offset(key))


def _offset(key: bytes) -> int:
    return int.from_bytes(key[:8], "big") >> 2  # below the largest offset of a file


class Sharing:
    """The requests of one stream, divided into those that this process asks and those that another one is asking."""

    def __init__(
        self, claims: Claims | None, find: Callable[[list[bytes]], dict[bytes, Reply]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`claims`: None where every process asks for itself; `find` looks keys up; `clock`: seconds."""
        self._claims, self._find, self._clock = claims, find, clock
        self.waiting: dict[bytes, Request] = {}
        """What another process is asking."""
        self._looked = self._moved = 0.0

    def divide(self, asks: list[Request]) -> tuple[dict[bytes, Reply], list[Request]]:
        """Of requests that are not in the store: replies that came meanwhile, and what is to be asked here."""
        if self._claims is None:
            return {}, asks
        own = [ask for ask in asks if self._take(ask)]
        # Whoever asked for it before may have stored it between the look-up and the claim.
        found = self._find([ask.key for ask in own]) if own else {}
        self.release(found)
        return found, [ask for ask in own if ask.key not in found]

    def look_again(self) -> tuple[dict[bytes, Reply], list[Request]]:
        """The same for what waits, at most every `POLL` seconds; the longest waiting come first."""
        now = self._clock()
        if not self.waiting or now - self._looked < POLL:
            return {}, []
        head = dict(islice(self.waiting.items(), WINDOW))
        found = self._find([*head])
        more, own = self.divide([ask for key, ask in head.items() if key not in found])
        found |= more
        if found or own:
            self._moved = now
        elif now - self._moved > PATIENCE:
            own = self._overtake([*head.values()])
        for key in (*found, *(ask.key for ask in own)):
            self.waiting.pop(key, None)
        self._looked = 0.0 if found or own else self._clock()
        return found, own

    def release(self, keys: Iterable[bytes]) -> None:
        """What `divide` gave out is stored, or is not asked any more."""
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
        """Ask without a claim: the process that has it was stopped, or waits for something that does not come."""
        remark(f"another process has asked for {len(asks)} replies and gets none; they are asked for here as well")
        self._moved = self._clock()
        return asks


class _File:
    """A file whose bytes are locked; locks are the process's, so one object serves all its threads and connections."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[int] = Counter()
        # Never closed: that would give up every lock of the process on the file.
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
            return error.errno not in TAKEN  # without locks, paying twice is better than waiting for nobody
        return True

    def release(self, offset: int) -> None:
        with self._lock:
            if not self._counts[offset]:  # overtaken, never claimed
                del self._counts[offset]
                return
            self._counts[offset] -= 1
            if not self._counts[offset]:
                del self._counts[offset]
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, offset)


@cache
def _file(path: str) -> _File:
    return _File(path)
