"""Prompts in, replies out, in order and lazily: what is remembered from the store, the rest from the engine.

The rooms' generators run in the caller's thread. Each session of an engine (a stretch of `SESSION` prompts) has a
thread of its own that takes prompts from a feed, and stores every group of replies before anything else happens to it,
so that a reply is safe while the caller is busy elsewhere, for instance with an earlier step of the same rows.

Sessions begin and end at fixed positions, whatever is remembered and however long things take. So memory is bounded (at
most two sessions are open), no batch engine waits for prompts that can't come before it answers, and the batches formed
after a kill -9 are those that would have been formed without it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from threading import Condition, Thread
from typing import TYPE_CHECKING

from stages.core.completions import Capabilities, Prompt, Reply
from stages.inference.budgets import Ledger
from stages.inference.progress import Progress
from stages.inference.prompt_checks import check
from stages.inference.prompt_queue import Feed, StoppedError
from stages.reply_store.claims import POLL, Claims, Sharing
from stages.reply_store.identity import Identity
from stages.reply_store.keys import Request, request
from stages.reply_store.lookup import WINDOW
from stages.reply_store.store import Replies

if TYPE_CHECKING:
    from stages.inference.engine_interface import Engine

SESSION = 4096
"""Prompts a session. A batch size that divides it wastes no partial batch."""
TICK = 1.0
"""Seconds that are waited for a reply before progress is told."""
PATIENCE = 0.02
"""Seconds that prompts may be collected for one look-up before those that are there go ahead."""


class Connection:
    """One model behind one store; `complete` is a `Complete`."""

    def __init__(
        self,
        identity: Identity,
        replies: Replies,
        progress: Progress,
        open_engine: Callable[[], "AbstractContextManager[Engine]"],
        ledger: Ledger | None = None,
        capabilities: Capabilities = Capabilities(),
        claims: Claims | None = None,
    ) -> None:
        """`open_engine` is called once, at the first prompt that is not remembered; `ledger` says what may be sent.

        `claims`: where given, what another process is asking is waited for and not asked again.
        """
        self.capabilities, self.claims = capabilities, claims
        self.identity, self.replies, self.progress, self.ledger = identity, replies, progress, ledger
        self._open = open_engine
        self._engine: Engine | None = None
        self._threads: list[Thread] = []
        self._stack = ExitStack()

    def complete(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies to `prompts`, same order and number. Raises UserError for what concerns all of them."""
        call = _Call(self)
        try:
            yield from call.run(iter(prompts))
        finally:
            call.stop()

    def engine(self) -> "Engine":
        """The engine, opened at the first use."""
        if self._engine is None:
            self._engine = self._stack.enter_context(self._open())
            self._engine.use_history(lambda: self.progress.remembered > 0)
        return self._engine

    def start(self, work: Callable[[], None]) -> None:
        """Run a session's work beside the caller."""
        # A daemon, so that a second Ctrl-C ends the process while a local model still computes.
        thread = Thread(target=work, daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def __enter__(self) -> "Connection":
        """The connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what is under way, wait for local work to end, close the engine."""
        if self._engine:
            self._engine.cancel()
        for thread in self._threads:
            thread.join()
        self._stack.close()


class _Call:
    """One stream of prompts: where it stands, what is ready, what is awaited."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.changed = Condition()
        self.finished: deque[list[tuple[str, Reply]]] = deque()
        """Groups of (key of the request, reply)."""
        self.failure: BaseException | None = None
        self.taken = self.given = 0
        self.ready: dict[int, Reply] = {}
        self.awaited: dict[str, list[int]] = {}
        self.feed: Feed | None = None
        self.more = True
        self.sharing = Sharing(connection.claims, self.find)

    def find(self, keys: list[bytes]) -> dict[bytes, Reply]:
        return self.connection.replies.find(keys, self.connection.identity.model)

    def run(self, source: Iterator[Prompt]) -> Iterator[Reply]:
        while self.more or self.given < self.taken:
            self.collect()
            while self.given in self.ready:
                reply = self.ready.pop(self.given)
                self.given += 1
                yield reply
            if self.more and self.hungry():
                self.more = self.take(source)
            elif self.given < self.taken:
                self.wait()

    def hungry(self) -> bool:
        """Whether more prompts may be taken: the engine has few left, and replies don't pile up behind a slow one."""
        return self.taken - self.given < 2 * SESSION and (self.feed is None or len(self.feed.queue) < self.feed.backlog)

    def take(self, source: Iterator[Prompt]) -> bool:
        """Look up some more prompts, hand the engine those not remembered. Returns whether there may be more."""
        size = min(WINDOW, SESSION - self.taken % SESSION)
        window = [request(self.connection.identity, prompt) for prompt in _soon(islice(source, size))]
        self.look_up(window)
        if not window or self.taken % SESSION == 0:
            self.close_feed()
        return bool(window)

    def close_feed(self) -> None:
        if self.feed:
            self.feed.close()
            self.feed = None

    def look_up(self, window: list[Request]) -> None:
        new = {ask.key: ask for ask in window if ask.key.hex() not in self.awaited}
        found = self.find([*new])
        meanwhile, own = self.sharing.divide([ask for key, ask in new.items() if key not in found])
        found |= meanwhile
        for ask in window:
            if reply := found.get(ask.key):
                self.ready[self.taken] = reply
            else:
                self.awaited.setdefault(ask.key.hex(), []).append(self.taken)
            self.taken += 1
        self.connection.progress.recall(sum(ask.key in found for ask in window))
        for ask in own:
            self.send(ask)

    def look_again(self) -> None:
        """What another process was asking may be stored by now, or be ours to ask."""
        found, own = self.sharing.look_again()
        for key, reply in found.items():
            self.connection.progress.recall(self.give(key.hex(), reply))
        for ask in own:
            self.send(ask)
        if own and not self.more:
            self.close_feed()

    def send(self, ask: Request) -> None:
        check(ask.prompt, self.connection.capabilities, self.connection.identity.model)
        engine = self.connection.engine()
        if self.feed is None:
            self.feed = Feed(self, self.connection.capabilities.grouping)
            self.connection.start(lambda feed=self.feed: self.work(engine, feed))  # type: ignore[misc]
        self.feed.put(ask)

    def work(self, engine: "Engine", feed: "Feed") -> None:
        """A session, in its own thread: every group is stored before it is handed on."""
        try:
            while feed.begin():
                for group in engine.answer(feed):
                    answers = [(feed.sent.pop(position), reply) for position, reply in group]
                    self.keep(answers)
                    feed.answered({ask.key for ask, _ in answers})
                if feed.sent or (feed.queue and not feed.paused):
                    raise RuntimeError(f"the engine left {len(feed.sent) + len(feed.queue)} prompts unanswered")
        except StoppedError:
            pass
        except BaseException as error:
            self.failure = error
            self.tell([])
        finally:
            feed.end()

    def keep(self, answers: list[tuple[Request, Reply]]) -> None:
        try:
            kept = self.connection.replies.keep(answers, self.connection.identity.model)
        finally:
            if self.connection.ledger:
                self.connection.ledger.settle([ask.prompt for ask, _ in answers])
        self.connection.progress.receive(kept)
        if self.connection.ledger:
            self.connection.ledger.heed(kept)
        self.tell([(ask.key.hex(), reply) for (ask, _), reply in zip(answers, kept, strict=True)])

    def tell(self, replies: list[tuple[str, Reply]]) -> None:
        with self.changed:
            self.finished.append(replies)
            self.changed.notify_all()

    def collect(self) -> None:
        while self.finished:
            for key, reply in self.finished.popleft():
                if (more := self.give(key, reply) - 1) > 0:
                    self.connection.progress.recall(more)
        if self.failure:
            raise self.failure
        self.look_again()

    def give(self, key: str, reply: Reply) -> int:
        """A reply to whoever waits for it; returns how many do."""
        positions = self.awaited.pop(key)
        self.ready.update(dict.fromkeys(positions, reply))
        return len(positions)

    def wait(self) -> None:
        with self.changed:
            if not self.finished and not (self.more and self.hungry()):
                # Not for ever: progress is told in between, and another process does not wake this one.
                self.changed.wait(POLL if self.sharing.waiting else TICK)
        self.connection.progress.tick()

    def stop(self) -> None:
        with self.changed:
            self.failure = self.failure or StoppedError()
            self.changed.notify_all()


def _soon(prompts: Iterator[Prompt]) -> Iterator[Prompt]:
    """Those of `prompts` that come within `PATIENCE`, at least one if there is any."""
    started = time.monotonic()
    for prompt in prompts:
        yield prompt
        if time.monotonic() - started > PATIENCE:
            return
