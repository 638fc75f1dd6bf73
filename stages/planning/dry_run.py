"""A dry run: a `Complete` that replies from the reply store alone, and counts the requests that are not cached.

A request that is not cached counts as new, and its row continues with a stand-in: a cached reply to the same step of
another row, drawn by the prompt's own seed, else one of the prompt's own worked examples. Requests of the row after
that depend on the real reply; they are estimates, and counted apart. Where a stand-in was not a real reply, further
attempts at the same step are not counted, since whether they are needed is unknown.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.inference.answer_only import AnswersOnly
from stages.inference.backends import BACKENDS
from stages.inference.budgets import Tokens, max_tokens_of
from stages.inference.connect import Connected, Target, resolve
from stages.inference.engine_interface import Recall
from stages.params import Engine
from stages.planning.token_estimate import TokenEstimator, characters
from stages.reply_store.identity import Identity, Reference
from stages.reply_store.keys import Request
from stages.reply_store.keys import request as request_of
from stages.reply_store.lookup import WINDOW
from stages.reply_store.store import Replies

MAX_POOL = 500
"""Cached replies of a step from which stand-ins are drawn."""


@dataclass
class RequestCounts:
    """The requests that one connection would send."""

    identity: Identity
    engine: Engine
    cached: int = 0
    new: int = 0
    """Not cached, certain to be sent."""
    guessed: int = 0
    """Depend on replies that are not cached: sent if those are like their stand-ins."""
    counted: int = 0
    """Tokens of the prompts to be sent, new and guessed, that the model's own tokenizer has counted."""
    uncounted_length: Counter[str] = field(default_factory=Counter)
    """Characters of the other prompts by step, with those of their pictures (`token_estimate.characters`)."""
    uncounted: Counter[str] = field(default_factory=Counter)
    """How many the other prompts are, by step."""
    steps: Counter[str] = field(default_factory=Counter)
    """All requests to be sent by step."""
    longest: Counter[str] = field(default_factory=Counter)
    """Sum of max_tokens over the same requests, by step."""

    def total(self) -> int:
        """All requests, cached ones too."""
        return self.cached + self.new + self.guessed


class Load(NamedTuple):
    """Tokens of the requests to be sent."""

    read: int
    written: int
    most: int
    """Tokens written if every reply took its max_tokens."""
    measured: bool
    """Whether `written` follows from cached replies to the same steps; where not, it is `most`."""
    counted: bool
    """Whether `read` follows from the model's tokenizer or from cached replies; where not, it is an estimate."""


class Planner:
    """Stands in for every model while stages run to count their requests."""

    def __init__(self, replies: Replies | None, recall: Recall | None = None) -> None:
        """`replies`: the store; None where there is none yet. `recall`: what is recorded of servers."""
        self._store, self._recall = replies, recall
        self.connected: dict[Identity, tuple[Engine, str]] = {}
        """Every model that a stage connects to, with the name of the model."""
        self.unknown: dict[str, None] = {}
        """Why the dialects of servers are not known, whose requests are counted as those of dialect plain."""
        self._pools: dict[str, list[Reply]] = {}
        self._lengths: dict[str, tuple[int, int]] = {}
        self._missed: dict[bytes, Reply] = {}
        self._unreal: set[str] = set()
        self._counted: set[bytes] = set()
        """Keys that this stage would send."""
        self._estimators: dict[Identity, TokenEstimator] = {}
        self.engines: dict[Identity, list[Engine]] = {}
        """Every model that gets requests, and the entries of params.yaml for it."""
        self.largest: dict[Identity, Tokens] = {}
        """The most tokens that one request to be sent may take, as a budget counts it."""
        self.counts: list[RequestCounts] = []
        self.guessed: set[str] = set()
        """Ids of the rows that continued with a stand-in."""
        self.learning = False
        """While true, cached replies are added to the pools and nothing is counted."""

    def begin(self, guessed: set[str]) -> None:
        """Begin a stage whose input has rows with the ids `guessed` that depend on stand-ins."""
        self.counts, self.guessed = [], set(guessed)
        self._unreal.clear()
        self._counted.clear()

    @contextmanager
    def connect(self, engine: Engine, model: str | None = None, purpose: str = "") -> Iterator[Connected]:
        """In place of `inference.connect.connect`: no model is opened and nothing is stored."""
        target = self._resolve(engine, model)
        self.connected[target.identity] = engine, engine.model or model or ""
        answers = AnswersOnly(self.complete(target.identity, engine, target.directory), engine.reasoning)
        yield Connected(answers, None, target.capabilities, target.description)

    def _resolve(self, engine: Engine, model: str | None) -> Target:
        try:
            return resolve(engine, model, recall=self._recall)
        except UserError as error:
            # The last run of a stage had other models: where one is away, nothing is learnt from its replies.
            if self.learning or engine.engine != "openai" or engine.options.get("dialect", "auto") != "auto":
                raise
            self.unknown[f"{error}; until then its requests are counted as new, under dialect plain"] = None
        plain = engine.options | {"dialect": "plain", "omit": [*engine.options.get("omit", []), "top_k"]}
        return resolve(engine.model_copy(update={"options": plain}), model, recall=self._recall)

    def measured_rate(self, identity: Identity) -> float:
        """Tokens a second that a check recorded of the server of a connected model, one request alone; 0 for none."""
        if self._recall is None or identity not in self.connected:
            return 0.0
        engine, model = self.connected[identity]
        check, written = BACKENDS[engine.engine].check, engine.references.get(model, "")
        reference = Reference(written, written) if written.startswith("endpoint:") else None
        return check(reference, engine.options, self._recall._replace(probes=False)).tokens_per_second if check else 0.0

    def complete(
        self, identity: Identity, engine: Engine, directory: Path | None = None
    ) -> Callable[[Iterable[Prompt]], Iterator[Reply]]:
        """A `Complete` for one connection; `directory` is the model's."""
        self._estimators.setdefault(identity, TokenEstimator(identity, directory, self._store))
        counts = RequestCounts(identity, engine)
        if not self.learning:
            self.engines.setdefault(identity, []).append(engine)
        self.counts.append(counts)
        return lambda prompts: self._replies_to(counts, iter(prompts))

    def tokens(self, counts: RequestCounts) -> Load:
        """Tokens read as counted, else as `TokenEstimator` estimates; written by the mean of cached replies to the same
        step, else by max_tokens."""
        estimator = self._estimators[counts.identity]
        read = [
            estimator.tokens(step, number, counts.uncounted_length[step]) for step, number in counts.uncounted.items()
        ]
        written = 0.0
        for step, number in counts.steps.items():
            count, total = self._lengths.get(step, (0, 0))
            most = counts.longest[step]
            written += min(number * total / count, most) if count else most
        measured = all(step in self._lengths for step in counts.steps)
        counted = all(known for _, known in read)
        sent = counts.counted + round(sum(tokens for tokens, _ in read))
        return Load(sent, round(written), counts.longest.total(), measured, counted)

    def _replies_to(self, counts: RequestCounts, prompts: Iterator[Prompt]) -> Iterator[Reply]:
        while window := [request_of(counts.identity, prompt) for prompt in islice(prompts, WINDOW)]:
            keys = [request.key for request in window]
            cached = self._store.find(keys, counts.identity.model) if self._store else {}
            for request in window:
                yield self._reply_to(counts, request, cached.get(request.key))

    def _reply_to(self, counts: RequestCounts, request: Request, cached: Reply | None) -> Reply:
        row, _, step = request.prompt.purpose.rpartition("/")
        if cached is not None:
            counts.cached += 1
            self._learn(counts, step, request.prompt, cached)
            return cached
        if self.learning:
            return Reply("", "failed", 0, 0, "not cached")
        if request.key in self._missed:
            return self._repeat(counts, request, step, self._depends(row))
        if request.prompt.sample and request.prompt.purpose in self._unreal:
            return Reply("", "failed", 0, 0, "unknown")
        self._count(counts, request, step, self._depends(row))
        self.guessed.add(row)
        reply = self._missed[request.key] = self._stand_in(step, request.prompt, counts.identity.model)
        return reply

    def _repeat(self, counts: RequestCounts, request: Request, step: str, depends: bool) -> Reply:
        """A request that was counted before is cached by then. But stand-ins of two stages may be equal by chance."""
        if depends and request.key not in self._counted:
            self._count(counts, request, step, depends)
        else:
            counts.cached += 1
        return self._missed[request.key]

    def _count(self, counts: RequestCounts, request: Request, step: str, depends: bool) -> None:
        prompt = request.prompt
        self._counted.add(request.key)
        if depends:
            counts.guessed += 1
        else:
            counts.new += 1
        if tokens := self._estimators[counts.identity].count(step, prompt):
            counts.counted += tokens
        else:
            counts.uncounted[step] += 1
            counts.uncounted_length[step] += characters(prompt.messages)
        self.largest[counts.identity] = max(self.largest.get(counts.identity, (0, 0)), max_tokens_of(prompt), key=sum)
        counts.steps[step] += 1
        counts.longest[step] += prompt.sampling.max_tokens

    def _depends(self, row: str) -> bool:
        """Whether requests about `row` depend on a stand-in; the name of a question may contain that of a row."""
        return any(name in self.guessed for name in (row, row.partition("-")[2], *row.split("/")))

    def _learn(self, counts: RequestCounts, step: str, prompt: Prompt, reply: Reply) -> None:
        self._estimators[counts.identity].learn(step, prompt, reply.tokens_in)
        if reply.tokens_in or reply.tokens_out:  # else the server reported none
            count, total = self._lengths.get(step, (0, 0))
            self._lengths[step] = count + 1, total + reply.tokens_out
        pool = self._pools.setdefault(step, [])
        if len(pool) < MAX_POOL:
            pool.append(reply)

    def _stand_in(self, step: str, prompt: Prompt, model: str) -> Reply:
        rng = Random(f"{prompt.seed}:{prompt.sample}")
        choices = prompt.constraint.choice if prompt.constraint else ()
        # One step may score choices for some rows and generate for others: each draws from its own kind.
        replies = self._pools.get(step, [])
        pool = [reply for reply in replies if (reply.text in choices if choices else not reply.scores)]
        if pool:
            drawn = rng.choice(pool)
            return Reply(drawn.text, drawn.status, 0, 0, drawn.error, "", model, drawn.scores)
        self._unreal.add(prompt.purpose)
        if choices:
            drawn_choice = rng.choice(choices)
            scores = {choice: math.log(2 if choice == drawn_choice else 1) for choice in choices}
            return Reply(drawn_choice, "ok", 0, 0, model=model, scores=scores)
        examples = [
            m.content for m in prompt.messages[: -1 if prompt.continue_final else None] if m.role == "assistant"
        ]
        return Reply(rng.choice(examples or ["(not known yet)"]), "ok", 0, 0, model=model)
