"""Prompts in, replies out, in order and lazily: cached replies from the store, the others from the engine.

The caller's generators run in the caller's thread. Each session of an engine (a stretch of `SESSION` prompts) has a
thread of its own that takes requests from a queue and stores every group of replies before it is delivered, so that a
reply is safe while the caller is busy elsewhere, for instance with an earlier step of the same rows.

Sessions begin and end at fixed positions, whatever is cached and however long requests take. So memory is bounded (at
most two sessions are open), no batch engine waits for prompts that can't come before it answers, and the batches formed
after a kill -9 are those that would have been formed without it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from threading import Thread

from stages.core.completions import Capabilities, Prompt, Reply
from stages.inference.budgets import Ledger
from stages.inference.engine_interface import Engine
from stages.inference.progress import Progress
from stages.inference.prompt_requirements import check_prompt
from stages.inference.session import Inbox, Resources, Session, StoppedError
from stages.reply_store.claims import POLL, Claims, Sharing
from stages.reply_store.identity import Identity
from stages.reply_store.keys import Request, request
from stages.reply_store.lookup import WINDOW
from stages.reply_store.store import Replies

SESSION = 4096
"""Prompts per session, unless the engine's `Capabilities.session` says otherwise. A batch size that divides it wastes
no partial batch."""
TICK = 1.0
"""Seconds of waiting for a reply after which progress is shown."""
PATIENCE = 0.02
"""Seconds for which prompts may be collected for one look-up before those collected so far go ahead."""


class Connection:
    """One model behind one store; `complete` is a `Complete`."""

    def __init__(
        self,
        identity: Identity,
        replies: Replies,
        progress: Progress,
        open_engine: Callable[[], AbstractContextManager[Engine]],
        ledger: Ledger | None = None,
        capabilities: Capabilities = Capabilities(),
        claims: Claims | None = None,
    ) -> None:
        """`open_engine` is called once, at the first prompt that is not cached; `ledger`: the budget.

        `claims`: where given, a request that another process has sent is waited for and not sent again.
        """
        self.identity, self.replies, self.progress = identity, replies, progress
        self.capabilities, self.claims = capabilities, claims
        self._ledger, self._open_engine = ledger, open_engine
        self._engine: Engine | None = None
        self._threads: list[Thread] = []
        self._stack = ExitStack()

    def complete(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies to `prompts`, same order and number. Raises UserError for what concerns all of them."""
        stream = CompletionStream(self)
        try:
            yield from stream.run(iter(prompts))
        finally:
            stream.stop()

    def start_session(self, inbox: Inbox, release: Callable[[set[bytes]], None]) -> Session:
        """A session in a thread of its own. The engine is opened with the first."""
        resources = Resources(self._opened(), self._store, self.progress, self._ledger, self.capabilities.grouping)
        session = Session(resources, inbox, release)
        # A daemon, so that a second Ctrl-C ends the process while a local model still computes.
        thread = Thread(target=session.run, daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()
        return session

    def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = self._stack.enter_context(self._open_engine())
            self._engine.use_history(lambda: self.progress.cached > 0)
        return self._engine

    def _store(self, answers: list[tuple[Request, Reply]]) -> list[Reply]:
        return self.replies.keep(answers, self.identity.model)

    def __enter__(self) -> "Connection":
        """The connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what is in flight, wait for local work to end, close the engine."""
        if self._engine:
            self._engine.cancel()
        for thread in self._threads:
            thread.join()
        self._stack.close()


class CompletionStream:
    """One call of `complete`: positions of prompts, and replies. Used by the caller's thread only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = Inbox()
        self._sharing = Sharing(connection.claims, self._look_up, connection.capabilities.longest_wait)
        self._size = connection.capabilities.session or SESSION
        self._session: Session | None = None
        """The session that takes requests now."""
        self._taken = self._returned = 0
        """Prompts taken from the caller, replies returned to it."""
        self._ready: dict[int, Reply] = {}
        """Position -> reply that is not returned yet, as one before it is missing."""
        self._awaited: dict[bytes, list[int]] = {}
        """Key of a request that is not answered -> positions of the prompts that wait for it."""
        self._more_prompts = True

    def run(self, prompts: Iterator[Prompt]) -> Iterator[Reply]:
        """The replies in the order of the prompts. Raises the error of any session."""
        while self._more_prompts or self._returned < self._taken:
            self._receive()
            while self._returned in self._ready:
                reply = self._ready.pop(self._returned)
                self._returned += 1
                yield reply
            if self._more_prompts and self._needs_prompts():
                self._more_prompts = self._take(prompts)
            elif self._returned < self._taken:
                self._wait()

    def stop(self) -> None:
        """End the sessions: they send no more requests, and store the replies that are still to come."""
        self._inbox.fail(StoppedError())

    def _needs_prompts(self) -> bool:
        """Whether the engine has few requests left, and few replies wait behind a slow one."""
        few_waiting = self._taken - self._returned < 2 * self._size
        return few_waiting and (self._session is None or self._session.needs_requests())

    def _take(self, prompts: Iterator[Prompt]) -> bool:
        """Look up some more prompts and send those that are not cached. Returns whether there may be more."""
        size = min(WINDOW, self._size - self._taken % self._size)
        window = [request(self._connection.identity, prompt) for prompt in _within_patience(islice(prompts, size))]
        self._dispatch(window)
        if not window or self._taken % self._size == 0:
            self._close_session()
        return bool(window)

    def _close_session(self) -> None:
        if self._session:
            self._session.close()
            self._session = None

    def _look_up(self, keys: list[bytes]) -> dict[bytes, Reply]:
        return self._connection.replies.find(keys, self._connection.identity.model)

    def _dispatch(self, window: list[Request]) -> None:
        new = {request.key: request for request in window if request.key not in self._awaited}
        cached = self._look_up([*new])
        # A reply may have been stored by another process between the look-up and the claim.
        stored_meanwhile, own = self._sharing.divide([new[key] for key in new if key not in cached])
        cached |= stored_meanwhile
        for one in window:
            if reply := cached.get(one.key):
                self._ready[self._taken] = reply
            else:
                self._awaited.setdefault(one.key, []).append(self._taken)
            self._taken += 1
        self._connection.progress.count_cached(sum(one.key in cached for one in window))
        for one in own:
            self._send(one)

    def _check_other_processes(self) -> None:
        """Take replies that another process has stored meanwhile; send what it has given up."""
        stored, own = self._sharing.look_again()
        for key, reply in stored.items():
            self._connection.progress.count_cached(self._resolve(key, reply))
        for one in own:
            self._send(one)
        if own and not self._more_prompts:
            self._close_session()

    def _send(self, one: Request) -> None:
        connection = self._connection
        check_prompt(one.prompt, connection.capabilities, connection.identity.model)
        if self._session is None:
            self._session = connection.start_session(self._inbox, self._sharing.release)
        self._session.put(one)

    def _receive(self) -> None:
        for key, reply in self._inbox.take():
            if (duplicates := self._resolve(key, reply) - 1) > 0:
                self._connection.progress.count_cached(duplicates)
        if self._inbox.error:
            raise self._inbox.error
        self._check_other_processes()

    def _resolve(self, key: bytes, reply: Reply) -> int:
        """Make a reply ready for every prompt that waits for it; returns how many do."""
        positions = self._awaited.pop(key)
        self._ready.update(dict.fromkeys(positions, reply))
        return len(positions)

    def _wait(self) -> None:
        with self._inbox.changed:
            if self._inbox.empty() and not (self._more_prompts and self._needs_prompts()):
                # With a timeout: progress is shown in between, and another process does not notify this one.
                self._inbox.changed.wait(POLL if self._sharing.waiting else TICK)
        self._connection.progress.tick()


def _within_patience(prompts: Iterator[Prompt]) -> Iterator[Prompt]:
    """Those of `prompts` that come within `PATIENCE`, at least one if there is any."""
    started = time.monotonic()
    for prompt in prompts:
        yield prompt
        if time.monotonic() - started > PATIENCE:
            return
