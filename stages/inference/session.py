"""One session of an engine: requests from the caller's thread to the engine, stored replies back to the caller."""

from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import Literal, NamedTuple

from stages.core.completions import Prompt, Reply
from stages.inference.budgets import Ledger
from stages.inference.engine_interface import Engine
from stages.inference.prefix_grouping import LOOKAHEAD, RequestQueue
from stages.inference.progress import Progress
from stages.reply_store.keys import Request

BACKLOG = 64
"""Requests kept waiting for the engine; when fewer wait, more are taken from the caller's prompts."""
State = Literal["new", "answering", "paused", "ended"]
TRANSITIONS: dict[State, tuple[State, ...]] = {
    "new": ("answering", "ended"),
    "answering": ("paused", "ended"),
    "paused": ("answering", "ended"),
    "ended": (),
}
"""State of a session -> states that may follow it."""


class StoppedError(Exception):
    """The caller wants no more replies of this stream."""


class Inbox:
    """Replies from the threads of a stream's sessions to the caller's thread.

    `changed` is notified of every change here and guards the state of all sessions of the stream. An `error` ends the
    stream and all its sessions; the first one stays.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        self.error: BaseException | None = None
        self._groups: deque[list[tuple[bytes, Reply]]] = deque()

    def deliver(self, group: list[tuple[bytes, Reply]]) -> None:
        """Pass on (key, reply) pairs that are stored."""
        with self.changed:
            self._groups.append(group)
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the stream with `error`, unless it has one already."""
        with self.changed:
            self.error = self.error or error
            self.changed.notify_all()

    def empty(self) -> bool:
        """Whether no delivered reply waits."""
        return not self._groups and self.error is None

    def take(self) -> list[tuple[bytes, Reply]]:
        """All (key, reply) pairs delivered since the last call."""
        pairs = []
        while self._groups:
            pairs += self._groups.popleft()
        return pairs


class Resources(NamedTuple):
    """What the sessions of one connection share."""

    engine: Engine
    store: Callable[[list[tuple[Request, Reply]]], list[Reply]]
    """Store replies; returns them with their ids."""
    progress: Progress
    ledger: Ledger | None
    """The budget; None where there is no limit."""
    grouping: int
    """Most requests with one prefix in a row, as in `Capabilities.grouping`."""


class Session:
    """The requests of one stretch of a stream, answered by one thread.

    `state` goes through these transitions (`TRANSITIONS`), all made in the session's thread but the one to paused:

    - new -> answering: `run` calls the engine's `answer`.
    - answering -> paused: the budget does not admit the next request, so `__next__` tells the engine that there are no
      more prompts, and the engine finishes those that it has.
    - paused -> answering: nothing of this budget is in flight any more and the next request fits, so `run` calls
      `answer` again. If it does not fit even then, the session ends with the UserError.
    - answering -> ended: the session is closed and every request is answered; or the stream has an error; or the
      engine raised one, which becomes that of the stream.
    - paused -> ended, new -> ended: the stream has an error.

    The caller's thread calls `put` and `close`; `put` is not allowed after `close`. The session's thread calls `run`,
    once. The engine calls `__next__`, in any of its threads. `wake` may be called by any thread.
    """

    def __init__(self, resources: Resources, inbox: Inbox, release: Callable[[set[bytes]], None]) -> None:
        """`release` is called with the keys of requests whose replies are stored or will not come."""
        self.state: State = "new"
        self.backlog = LOOKAHEAD if resources.grouping > 1 else BACKLOG
        self._resources, self._inbox, self._release = resources, inbox, release
        self._queue = RequestQueue(resources.grouping)
        self._in_flight: dict[int, Request] = {}
        """Position in the engine's current call -> request."""
        self._unanswered: set[bytes] = set()
        """Keys of requests that were put here and whose replies are not stored."""
        self._position = 0
        self._closed = False
        if resources.ledger:
            resources.ledger.add_listener(self.wake)

    def put(self, request: Request) -> None:
        """One more request."""
        with self._inbox.changed:
            if self._closed:
                raise RuntimeError("the session takes no more requests")
            self._unanswered.add(request.key)
            self._queue.put(request)
            self._inbox.changed.notify_all()

    def close(self) -> None:
        """No more requests will be put."""
        with self._inbox.changed:
            self._closed = True
            self._inbox.changed.notify_all()

    def needs_requests(self) -> bool:
        """Whether fewer requests wait than should."""
        return len(self._queue) < self.backlog

    def wake(self) -> None:
        """Let whoever waits for a request check again whether there is one."""
        with self._inbox.changed:
            self._inbox.changed.notify_all()

    def run(self) -> None:
        """Have the engine answer the requests, and store every group of replies before it is delivered."""
        try:
            while self._start_answering():
                for group in self._resources.engine.answer(self):
                    self._store([(self._in_flight.pop(position), reply) for position, reply in group])
                self._check_answered()
        except StoppedError:
            pass
        except BaseException as error:
            self._inbox.fail(error)
        finally:
            self._end()

    def _start_answering(self) -> bool:
        """Enter the state answering; False where the engine's last call has taken every request."""
        if self.state == "answering":
            return False
        if self.state == "paused" and self._resources.ledger:
            self._resources.ledger.wait_until_drained(self._queue.head().prompt if self._queue else None)
        self._position = 0
        self._enter("answering")
        return True

    def _check_answered(self) -> None:
        left = len(self._in_flight) + (len(self._queue) if self.state == "answering" else 0)
        if left:
            raise RuntimeError(f"the engine left {left} prompts unanswered")

    def _store(self, answers: list[tuple[Request, Reply]]) -> None:
        ledger = self._resources.ledger
        try:
            stored = self._resources.store(answers)
        finally:
            if ledger:
                ledger.settle([request.prompt for request, _ in answers])
        self._resources.progress.receive(stored, [request.key for request, _ in answers])
        if ledger:
            ledger.require_usage(stored)
        self._inbox.deliver([(request.key, reply) for (request, _), reply in zip(answers, stored, strict=True)])
        self._forget({request.key for request, _ in answers})

    def _forget(self, keys: set[bytes]) -> None:
        self._unanswered -= keys
        self._release(keys)

    def _end(self) -> None:
        """Release what is still in flight or waiting: no reply to it will come."""
        self._enter("ended")
        self._forget(set(self._unanswered))
        if self._resources.ledger:
            self._resources.ledger.remove_listener(self.wake)
            self._resources.ledger.settle([request.prompt for request in self._in_flight.values()])

    def _enter(self, state: State) -> None:
        with self._inbox.changed:
            if state not in TRANSITIONS[self.state]:
                raise RuntimeError(f"a session can't go from {self.state} to {state}")
            self.state = state

    def __iter__(self) -> "Session":
        return self

    def __next__(self) -> Prompt:
        """The next prompt for the engine, waited for. Raises StoppedError where the stream has an error."""
        with self._inbox.changed:
            request = self._next_request()
            self._in_flight[self._position] = request
            self._position += 1
        self._resources.progress.send(request.key, request.prompt.purpose.rpartition("/")[0])
        return request.prompt

    def _next_request(self) -> Request:
        if len(self._queue) <= self.backlog:
            self._inbox.changed.notify_all()
        while not (self._queue or self._closed or self._inbox.error or self._draining()):
            self._inbox.changed.wait()
        if self._inbox.error:
            raise StoppedError
        if self.state == "paused" or (not self._queue and self._closed):
            raise StopIteration
        ledger = self._resources.ledger
        if self._draining() or (ledger and not ledger.admit(self._queue.head().prompt)):
            self._enter("paused")
            raise StopIteration
        return self._queue.pop()

    def _draining(self) -> bool:
        """Whether nothing is sent until everything in flight has ended."""
        return self._resources.ledger is not None and self._resources.ledger.is_draining()
