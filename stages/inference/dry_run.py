"""Asking without asking: a `Complete` that answers from the reply store alone, and counts what is not there.

A prompt that is not remembered is certain to be sent, and its row goes on with a stand-in: a remembered reply to the
same step of another row, drawn by the prompt's own seed, else one of the prompt's own worked examples. What the row
asks after that is a guess, and counted apart. Where a stand-in was not a real reply, further attempts at the same step
are not counted: whether they are needed, nobody can say.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from stages.core.completions import Prompt, Reply
from stages.inference.budgets import Tokens, most
from stages.inference.token_estimate import Reading, characters
from stages.params import Engine
from stages.reply_store.identity import Identity
from stages.reply_store.keys import Request, request
from stages.reply_store.lookup import WINDOW
from stages.reply_store.store import Replies

POOL = 500
"""Remembered replies of a step that stand-ins are drawn from."""


@dataclass
class Asked:
    """What one connection would ask."""

    identity: Identity
    engine: Engine
    remembered: int = 0
    new: int = 0
    """Certain to be sent."""
    guessed: int = 0
    """To be sent if the rows go on as their stand-ins do."""
    counted: int = 0
    """Tokens of the prompts to be sent, new and guessed, that the model's own tokenizer has counted."""
    read: Counter[str] = field(default_factory=Counter)
    """Characters of the others by step, pictures among them."""
    uncounted: Counter[str] = field(default_factory=Counter)
    """How many those are."""
    steps: Counter[str] = field(default_factory=Counter)
    """All requests to be sent by step."""
    longest: Counter[str] = field(default_factory=Counter)
    """Sum of max_tokens over the same requests, by step."""

    def total(self) -> int:
        """Requests, remembered ones too."""
        return self.remembered + self.new + self.guessed


class Load(NamedTuple):
    """Tokens of what is to be sent."""

    read: int
    written: int
    most: int
    """Written if every reply took its max_tokens."""
    measured: bool
    """Whether `written` follows from remembered replies to the same steps; where not, it is `most`."""
    counted: bool
    """Whether `read` follows from the model's tokenizer or from remembered replies; where not, it is a guess."""


class Planner:
    """Plays every model while stages are run for their requests only."""

    def __init__(self, replies: Replies | None) -> None:
        """`replies`: the store; None where there is none yet."""
        self._replies = replies
        self._pools: dict[str, list[Reply]] = {}
        self._lengths: dict[str, tuple[int, int]] = {}
        self._missed: dict[bytes, Reply] = {}
        self._unreal: set[str] = set()
        self._counted: set[bytes] = set()
        """Keys that this stage would send."""
        self._readings: dict[Identity, Reading] = {}
        self.engines: dict[Identity, list[Engine]] = {}
        """Every model that was asked, and each way it is reached."""
        self.dearest: dict[Identity, Tokens] = {}
        """The most that one request to be sent may take, as a budget counts it."""
        self.asked: list[Asked] = []
        self.guessed: set[str] = set()
        """Ids of the rows that went on with a stand-in."""
        self.learning = False
        """While true, remembered replies are noted and nothing is counted."""

    def begin(self, guessed: set[str]) -> None:
        """A stage begins whose input has `guessed` among its rows."""
        self.asked, self.guessed = [], set(guessed)
        self._unreal.clear()
        self._counted.clear()

    def complete(
        self, identity: Identity, engine: Engine, directory: Path | None = None
    ) -> Callable[[Iterable[Prompt]], Iterator[Reply]]:
        """A `Complete` for one connection; `directory` is the model's."""
        self._readings.setdefault(identity, Reading(identity, directory, self._replies))
        asked = Asked(identity, engine)
        if not self.learning:
            self.engines.setdefault(identity, []).append(engine)
        self.asked.append(asked)
        return lambda prompts: self._answers(asked, iter(prompts))

    def tokens(self, asked: Asked) -> Load:
        """Read as counted, else as `Reading` knows; written by the mean of remembered replies to the same step, else
        by max_tokens."""
        reading = self._readings[asked.identity]
        read = [reading.tokens(step, number, asked.read[step]) for step, number in asked.uncounted.items()]
        written = 0.0
        for step, number in asked.steps.items():
            count, total = self._lengths.get(step, (0, 0))
            most = asked.longest[step]
            written += min(number * total / count, most) if count else most
        measured = all(step in self._lengths for step in asked.steps)
        counted = all(known for _, known in read)
        sent = asked.counted + round(sum(tokens for tokens, _ in read))
        return Load(sent, round(written), asked.longest.total(), measured, counted)

    def _answers(self, asked: Asked, prompts: Iterator[Prompt]) -> Iterator[Reply]:
        while window := [request(asked.identity, prompt) for prompt in islice(prompts, WINDOW)]:
            keys = [ask.key for ask in window]
            found = self._replies.find(keys, asked.identity.model) if self._replies else {}
            for ask in window:
                yield self._answer(asked, ask, found.get(ask.key))

    def _answer(self, asked: Asked, ask: Request, found: Reply | None) -> Reply:
        row, _, step = ask.prompt.purpose.rpartition("/")
        if found is not None:
            asked.remembered += 1
            self._learn(asked, step, ask.prompt, found)
            return found
        if self.learning:
            return Reply("", "failed", 0, 0, "not remembered")
        if ask.key in self._missed:
            return self._again(asked, ask, step, self._depends(row))
        if ask.prompt.sample and ask.prompt.purpose in self._unreal:
            return Reply("", "failed", 0, 0, "nobody can say")
        self._count(asked, ask, step, self._depends(row))
        self.guessed.add(row)
        reply = self._missed[ask.key] = self._stand_in(step, ask.prompt, asked.identity.model)
        return reply

    def _again(self, asked: Asked, ask: Request, step: str, depends: bool) -> Reply:
        """What was missed before is remembered by then. But stand-ins of two stages may be the same by chance."""
        if depends and ask.key not in self._counted:
            self._count(asked, ask, step, depends)
        else:
            asked.remembered += 1
        return self._missed[ask.key]

    def _count(self, asked: Asked, ask: Request, step: str, depends: bool) -> None:
        prompt = ask.prompt
        self._counted.add(ask.key)
        if depends:
            asked.guessed += 1
        else:
            asked.new += 1
        if tokens := self._readings[asked.identity].see(step, prompt):
            asked.counted += tokens
        else:
            asked.uncounted[step] += 1
            asked.read[step] += characters(prompt.messages)
        self.dearest[asked.identity] = max(self.dearest.get(asked.identity, (0, 0)), most(prompt), key=sum)
        asked.steps[step] += 1
        asked.longest[step] += prompt.sampling.max_tokens

    def _depends(self, row: str) -> bool:
        """Whether a stand-in has had a part in what is asked about `row`; a question may be named after a row."""
        return any(name in self.guessed for name in (row, row.partition("-")[2], *row.split("/")))

    def _learn(self, asked: Asked, step: str, prompt: Prompt, reply: Reply) -> None:
        self._readings[asked.identity].learn(step, prompt, reply.tokens_in)
        if reply.tokens_in or reply.tokens_out:  # else whoever wrote it did not say
            count, total = self._lengths.get(step, (0, 0))
            self._lengths[step] = count + 1, total + reply.tokens_out
        pool = self._pools.setdefault(step, [])
        if len(pool) < POOL:
            pool.append(reply)

    def _stand_in(self, step: str, prompt: Prompt, model: str) -> Reply:
        rng = Random(f"{prompt.seed}:{prompt.sample}")
        choices = prompt.constraint.choice if prompt.constraint else ()
        # One step may weigh choices for some rows and write for others: each goes by its own kind.
        known = self._pools.get(step, [])
        pool = [reply for reply in known if (reply.text in choices if choices else not reply.scores)]
        if pool:
            drawn = rng.choice(pool)
            return Reply(drawn.text, drawn.status, 0, 0, drawn.error, "", model, drawn.scores)
        self._unreal.add(prompt.purpose)
        if choices:
            drawn_choice = rng.choice(choices)
            scores = {choice: math.log(2 if choice == drawn_choice else 1) for choice in choices}
            return Reply(drawn_choice, "ok", 0, 0, model=model, scores=scores)
        said = [m.content for m in prompt.messages[: -1 if prompt.continue_final else None] if m.role == "assistant"]
        return Reply(rng.choice(said or ["(not known yet)"]), "ok", 0, 0, model=model)


PLANNER: ContextVar[Planner | None] = ContextVar("planner", default=None)
"""Set while a plan is made: `connect` then gives its `Complete` instead of a model's."""
