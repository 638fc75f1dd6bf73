"""The prompts of one session of an engine, as the engine takes them."""

from threading import Condition
from typing import TYPE_CHECKING, Protocol

from stages.core.completions import Prompt
from stages.inference.prefix_grouping import LOOKAHEAD, Queue
from stages.reply_store.claims import Sharing
from stages.reply_store.keys import Request

if TYPE_CHECKING:
    from stages.inference.scheduler import Connection

BACKLOG = 64
"""Prompts kept ready for the engine; below this, more are taken from the rooms."""


class StoppedError(Exception):
    """The caller wants no more replies of this session."""


class Stream(Protocol):
    """The stream of prompts that a feed is part of."""

    connection: "Connection"
    changed: Condition
    failure: BaseException | None
    sharing: Sharing


class Feed:
    """The prompts of one session as the engine takes them.

    Where the budget does not admit the next one, the engine is told that there are no more, so that it brings to its
    end what it has; then it is asked to go on.
    """

    def __init__(self, call: Stream, grouping: int) -> None:
        self.call, self.ledger = call, call.connection.ledger
        self.queue = Queue(grouping)
        self.backlog = LOOKAHEAD if grouping > 1 else BACKLOG
        self.sent: dict[int, Request] = {}
        self.unanswered: set[bytes] = set()
        """Keys of what was put here and is not stored."""
        self.count = 0
        self.closed = self.paused = self.begun = False
        if self.ledger:
            self.ledger.listen(self.wake)

    def begin(self) -> bool:
        """Whether the engine is to answer what comes, for the first time or again after a pause."""
        if self.begun and not self.paused:
            return False
        if self.paused and self.ledger:
            self.ledger.await_room(self.queue.head().prompt if self.queue else None)
        self.begun, self.paused, self.count = True, False, 0
        return True

    def put(self, ask: Request) -> None:
        """One more to be sent."""
        with self.call.changed:
            self.unanswered.add(ask.key)
            self.queue.put(ask)
            self.call.changed.notify_all()

    def close(self) -> None:
        """No more will be put."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Whoever waits for a prompt looks again."""
        with self.call.changed:
            self.call.changed.notify_all()

    def answered(self, keys: set[bytes]) -> None:
        """The replies to these are stored, or none came; whoever else wants them finds them, or asks."""
        self.unanswered -= keys
        self.call.sharing.release(keys)

    def end(self) -> None:
        """No reply will come of what is still sent or waits to be."""
        self.answered(set(self.unanswered))
        if self.ledger:
            self.ledger.leave(self.wake)
            self.ledger.settle([ask.prompt for ask in self.sent.values()])

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> Prompt:
        with self.call.changed:
            ask = self.next_request()
            self.sent[self.count] = ask
            self.count += 1
        self.call.connection.progress.send()
        return ask.prompt

    def next_request(self) -> Request:
        """The next to be sent, waited for. Raises StopIteration where there is none, or none that the budget admits."""
        if len(self.queue) <= self.backlog:
            self.call.changed.notify_all()
        while not self.queue and not self.closed and not self.call.failure and not self.draining():
            self.call.changed.wait()
        if self.call.failure:
            raise StoppedError
        if not self.queue and self.closed:
            raise StopIteration
        if self.draining() or (self.ledger and not self.ledger.admit(self.queue.head().prompt)):
            self.paused = True
            raise StopIteration
        return self.queue.pop()

    def draining(self) -> bool:
        """Whether nothing is sent until what is under way has ended."""
        return self.ledger is not None and self.ledger.draining()
