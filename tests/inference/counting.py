"""Prompts, and an engine that counts what it is asked, for the tests of everything between the two."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from stages.core.completions import Capabilities, Message, Prompt, Reply, Sampling
from stages.inference.budgets import Ledger
from stages.inference.local_engine import LocalEngine
from stages.inference.progress import Progress
from stages.inference.scheduler import Connection
from stages.params import Budget, Price
from stages.reply_store.identity import Identity
from stages.reply_store.keys import Request, request
from stages.reply_store.store import Replies

SAMPLING = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=64)
IDENTITY = Identity("model@1", "counting")
OPENAI: dict[str, Any] = {
    "api": "chat", "dialect": "vllm", "concurrency": 64, "timeout": 600, "attempts": 6, "grouping": 1, "key_env": None,
    "extra": {},
}  # fmt: skip
"""Options of the engine `openai` but for the address."""


def prompt(text: object, **changes: object) -> Prompt:
    """A prompt that says `text`."""
    fields = {"messages": (Message("system", "Be brief."), Message("user", str(text))), "sampling": SAMPLING, "seed": 7}
    return Prompt(**fields | changes)  # type: ignore[arg-type]


def asked(number: object, identity: Identity = IDENTITY) -> Request:
    """That prompt on its way to the store."""
    return request(identity, prompt(number))


def answered(number: object) -> Reply:
    return Reply(f"reply to {number}", "ok", 5, 3)


def text_of(one: Prompt) -> str:
    return one.messages[-1].content


class Counting(LocalEngine):
    """Echoes; in batches of `batch`, which it fills before it answers, as a local model does."""

    identity = "counting"

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.texts: list[str] = []
        self.batches: list[list[str]] = []
        self.opened, self.grouping = 0, 1
        self.lock = threading.Lock()

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        numbered = iter(enumerate(prompts))
        while batch := list(islice(numbered, self.batch)):
            with self.lock:
                self.texts += [text_of(one) for _, one in batch]
                self.batches.append([text_of(one) for _, one in batch])
            yield [(position, self.reply(one)) for position, one in reversed(batch)]

    def reply(self, one: Prompt) -> Reply:
        return Reply(f"<{text_of(one)}>", "ok", 3, 1)

    @contextmanager
    def open(self) -> Iterator["Counting"]:
        self.opened += 1
        yield self


@contextmanager
def connected(
    engine: Counting, store: Path, identity: Identity = IDENTITY, budget: Budget | None = None,
    price: Price | None = None,
) -> Iterator[Connection]:  # fmt: skip
    """The engine behind a store."""
    with Replies(store) as replies, Progress("test", "model") as progress:
        ledger = Ledger(replies, identity, price, budget) if budget else None
        able = Capabilities(grouping=engine.grouping)
        with Connection(identity, replies, progress, engine.open, ledger, able) as connection:
            yield connection


def filled(path: Path, count: int, identity: Identity = IDENTITY) -> Path:
    """A store with the replies to the first so many prompts."""
    with Replies(path) as replies:
        replies.keep([(asked(n, identity), answered(n)) for n in range(count)], identity.model)
    return path


def found(path: Path, count: int) -> int:
    """How many of the first so many prompts a store remembers."""
    with Replies(path) as replies:
        return len(replies.find([asked(n).key for n in range(count)], "m"))
