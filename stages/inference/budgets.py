"""Budgets: a request is sent only if even its most expensive reply would not exceed the budget of the model.

The amount spent is that of all replies in the store of the model at its endpoint, whichever run, stage or process
requested them, imported ones too. A failed reply is not stored; what a provider charges for it is not counted. A
request in flight counts at its maximum: a prompt has no more tokens than bytes, a reply no more than max_tokens.
"""

import threading
from collections.abc import Callable

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.params import Budget, Price
from stages.reply_store.identity import Identity
from stages.reply_store.store import Replies

TEMPLATE_TOKENS = 16
"""Tokens that a chat template may put around a message."""
IMAGE_TOKENS = 3072
"""Tokens that a picture may take: 576 in LLaVA-1.5, up to 2880 in LLaVA-NeXT, up to 1445 of OpenAI's."""
MILLION = 1_000_000
Tokens = tuple[int, int]
"""Read and written."""


def max_tokens_of(prompt: Prompt) -> Tokens:
    """The most tokens that a request with `prompt` may read and write."""
    read = sum(len(m.content.encode()) + IMAGE_TOKENS * len(m.images) + TEMPLATE_TOKENS for m in prompt.messages)
    return read + TEMPLATE_TOKENS, prompt.sampling.max_tokens


def cost(price: Price, tokens: Tokens) -> float:
    """The cost of tokens, in the price's currency."""
    return (price.input * tokens[0] + price.output * tokens[1]) / MILLION


class Ledger:
    """One model's spending. Thread-safe; the spending of other processes counts once it is stored.

    Where a request does not fit, all requests in flight are first finished, since they rarely cost their maximum: the
    ledger is draining, and `admit` refuses every request until `wait_until_drained` has returned.
    """

    def __init__(self, replies: Replies, identity: Identity, price: Price | None, budget: Budget) -> None:
        """`price` is needed for a budget in money."""
        self._replies, self._identity, self._price, self._budget = replies, identity, price, budget
        self._changed = threading.Condition()
        self._spent: Tokens = (0, 0)
        self._last_row = 0
        self._reserved: Tokens = (0, 0)
        self._in_flight = 0
        self._draining = False
        self._listeners: set[Callable[[], None]] = set()
        self._read_spent()

    def admit(self, prompt: Prompt) -> bool:
        """Whether `prompt` may be sent now; if so, it counts at its maximum until it is settled."""
        with self._changed:
            if self._draining or not self._fits(prompt):
                self._draining = True
                return False
            self._reserved = _sum(self._reserved, max_tokens_of(prompt))
            self._in_flight += 1
            return True

    def settle(self, prompts: list[Prompt]) -> None:
        """Count these prompts by their stored replies from now on, if there are any."""
        with self._changed:
            for prompt in prompts:
                read, written = max_tokens_of(prompt)
                self._reserved = (self._reserved[0] - read, self._reserved[1] - written)
            self._in_flight -= len(prompts)
            self._read_spent()
            self._changed.notify_all()

    def require_usage(self, replies: list[Reply]) -> None:
        """Raise UserError where a reply has a text but no token counts: its cost would never count."""
        if any(reply.text and not reply.tokens_in and not reply.tokens_out for reply in replies):
            raise UserError(
                f"params.yaml: {self._identity.endpoint} reports no token counts of its replies, so the budget "
                f"for {self._identity.model} can't be enforced; replies received so far are kept. Have the server "
                "report `usage`, or set this engine's `budget` to null and run again to go on"
            )

    def is_draining(self) -> bool:
        """Whether no request is admitted until those in flight have finished."""
        return self._draining

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener` when draining begins, so that no thread keeps waiting for a request."""
        self._listeners.add(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        self._listeners.discard(listener)

    def wait_until_drained(self, prompt: Prompt | None) -> None:
        """Wait until nothing is in flight. Raises UserError where `prompt` does not fit even then."""
        for listener in list(self._listeners):
            listener()
        with self._changed:
            while self._in_flight and self._draining:
                self._changed.wait()
            self._draining = False
            if prompt and not self._in_flight and not self._fits(prompt):
                raise UserError(self._exceeded_message())

    def _fits(self, prompt: Prompt) -> bool:
        tokens = _sum(_sum(self._spent, self._reserved), max_tokens_of(prompt))
        if self._budget.tokens is not None and sum(tokens) > self._budget.tokens:
            return False
        money = self._budget.money
        return money is None or self._price is None or cost(self._price, tokens) <= money

    def _read_spent(self) -> None:
        spent, self._last_row = self._replies.spent(self._identity, self._last_row)
        self._spent = _sum(self._spent, spent)

    def _exceeded_message(self) -> str:
        budget, price = self._budget, self._price
        limits = [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
        limits += [f"{budget.money:.2f} {price.currency}"] if budget.money is not None and price else []
        read, written = self._spent
        money = f", {cost(price, self._spent):.4f} {price.currency}" if price else ""
        return (
            f"params.yaml: the budget of {' and '.join(limits)} for {self._identity.model} is used up: {read:,} tokens "
            f"read and {written:,} written{money}, and the next request might exceed it; what was received is kept. "
            "Raise this engine's `budget` and run again to go on"
        )


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return one[0] + other[0], one[1] + other[1]
