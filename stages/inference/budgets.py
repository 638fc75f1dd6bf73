"""What may be spent on a model: a request is sent only if even its dearest reply would leave the budget unbroken.

Spent is what the store remembers of the model at its endpoint: every reply with its tokens, whichever run, stage or
process asked for it, imported ones too. A reply that failed on the way is in no store; what a provider charges for it
is not counted. In flight counts at its most: a prompt has no more tokens than bytes, a reply no more than max_tokens.
"""

import threading
from collections.abc import Callable

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.params import Budget, Price
from stages.reply_store.identity import Identity
from stages.reply_store.store import Replies

AROUND = 16
"""Tokens that a chat template may put around a message."""
PICTURE = 3072
"""Tokens that a picture may take: 576 in LLaVA-1.5, up to 2880 in LLaVA-NeXT, up to 1445 of OpenAI's."""
MILLION = 1_000_000
Tokens = tuple[int, int]
"""Read and written."""


def most(prompt: Prompt) -> Tokens:
    """The most tokens that asking `prompt` may take."""
    said = sum(len(m.content.encode()) + PICTURE * len(m.images) + AROUND for m in prompt.messages)
    return said + AROUND, prompt.sampling.max_tokens


def cost(price: Price, tokens: Tokens) -> float:
    """In the price's currency."""
    return (price.input * tokens[0] + price.output * tokens[1]) / MILLION


class Ledger:
    """One model's spending. Safe to use from several threads; other processes' spending shows once it is stored.

    Where a request does not fit, everything under way is first brought to its end, since it rarely costs its most:
    `admit` says no to everybody until `await_room` has seen the last of it come back.
    """

    def __init__(self, replies: Replies, identity: Identity, price: Price | None, budget: Budget) -> None:
        """`price` is needed for a budget in money."""
        self._replies, self._identity, self._price, self._budget = replies, identity, price, budget
        self._changed = threading.Condition()
        self._spent: Tokens = (0, 0)
        self._seen = 0
        self._held: Tokens = (0, 0)
        self._under_way = 0
        self._draining = False
        self._wakers: set[Callable[[], None]] = set()
        self._read()

    def admit(self, prompt: Prompt) -> bool:
        """Whether `prompt` may be sent now; if so, it counts at its most until it is settled."""
        with self._changed:
            if self._draining or not self._fits(prompt):
                self._draining = True
                return False
            self._held = _sum(self._held, most(prompt))
            self._under_way += 1
            return True

    def settle(self, prompts: list[Prompt]) -> None:
        """The replies to these are in the store, or none came."""
        with self._changed:
            for prompt in prompts:
                read, written = most(prompt)
                self._held = (self._held[0] - read, self._held[1] - written)
            self._under_way -= len(prompts)
            self._read()
            self._changed.notify_all()

    def heed(self, replies: list[Reply]) -> None:
        """Raises UserError where a text came without its tokens: what nobody counts would never reach the budget."""
        if any(reply.text and not reply.tokens_in and not reply.tokens_out for reply in replies):
            raise UserError(
                f"params.yaml: {self._identity.endpoint} does not say how many tokens its replies take, so the budget "
                f"for {self._identity.model} can't be kept; what was received is kept. Have the server say `usage`, or "
                "set this engine's `budget` to null and run again to go on"
            )

    def draining(self) -> bool:
        """Whether everything under way is being brought to its end."""
        return self._draining

    def listen(self, waker: Callable[[], None]) -> None:
        """`waker` is called when draining begins, so that nobody sleeps through it."""
        self._wakers.add(waker)

    def leave(self, waker: Callable[[], None]) -> None:
        """No longer."""
        self._wakers.discard(waker)

    def await_room(self, prompt: Prompt | None) -> None:
        """Wait until nothing is under way. Raises UserError where `prompt` does not fit even then."""
        for waker in list(self._wakers):
            waker()
        with self._changed:
            while self._under_way and self._draining:
                self._changed.wait()
            self._draining = False
            if prompt and not self._under_way and not self._fits(prompt):
                raise UserError(self._told())

    def _fits(self, prompt: Prompt) -> bool:
        tokens = _sum(_sum(self._spent, self._held), most(prompt))
        if self._budget.tokens is not None and sum(tokens) > self._budget.tokens:
            return False
        money = self._budget.money
        return money is None or self._price is None or cost(self._price, tokens) <= money

    def _read(self) -> None:
        spent, self._seen = self._replies.spent(self._identity, self._seen)
        self._spent = _sum(self._spent, spent)

    def _told(self) -> str:
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
