"""Prompts, replies, and `Complete`: the interface to every model."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from random import Random
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

Item = TypeVar("Item")
Input = TypeVar("Input")
Output = TypeVar("Output")
Role = Literal["system", "user", "assistant"]
ReplyStatus = Literal["ok", "truncated", "thought", "refused", "failed"]
"""ok: the model ended the text. truncated: max_tokens was reached. thought: reasoning without an answer, ended or
truncated. refused: the provider withheld the text. failed: there is no text."""


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An image by reference, without its pixels."""

    sha256: str
    """SHA-256 of the file's bytes in hexadecimal; part of a request's key."""
    path: str = ""
    """Path of the file; not part of a request's key."""


Look = Callable[[str, str], Image]
"""(what refers to it, for messages; file name) -> the image. Raises UserError where there is none."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One turn of a conversation. Its JSON has no `images` where there are none, so that keys of older requests
    stay."""

    role: Role
    content: str
    images: tuple[Image, ...] = ()
    """Images of the turn, before its text."""


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the next token is drawn. Temperature 0 is greedy; top_k 0 means no limit; max_tokens counts new tokens."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    stop: tuple[str, ...] = ()


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form of the reply that engines may enforce; exactly one of the two is set."""

    choice: tuple[str, ...] = ()
    regex: str = ""


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request. All fields except `purpose` and `prefix` are part of the payload that the reply store hashes."""

    messages: tuple[Message, ...]
    sampling: Sampling
    seed: int
    """Derived from the record (see `seed_for`); 31 bits, as every engine takes it."""
    sample: int = 0
    """Index among several samples of the same request; a retry uses the next one."""
    constraint: Constraint | None = None
    purpose: str = ""
    """Row and step, for progress and logs: "seed-0a1b…/choose"."""
    prefix: str = ""
    """Prompts with an equal value share a long prefix; engines may send them together."""
    continue_final: bool = False
    """Whether the last message is the beginning of the assistant's reply, which the engine continues."""
    raw: bool = False
    """Whether the one message is a text to continue without a chat template, as for base models."""


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reply to a prompt. `text` is "" unless status is ok or truncated.

    The reply store keeps the text as it came; replies of `inference.connect` come without the model's reasoning.
    """

    text: str
    status: ReplyStatus
    tokens_in: int
    tokens_out: int
    error: str = ""
    """Why it was refused or failed, as text."""
    id: str = ""
    """Key of the reply in the store; "" for a failure, which is not stored."""
    model: str = ""
    """Identity of the model; set by `inference.connect`."""
    scores: dict[str, float] = {}
    """Log-probability of each of `constraint.choice`, from engines with choice scores; empty otherwise."""
    reasoning: str = ""
    """From an engine or the store: what the server sent as reasoning, apart from the text. From `inference.connect`:
    all of the model's reasoning with `reasoning.keep`, else ""."""
    text_hash: str = ""
    """First 32 hexadecimal digits of the SHA-256 of the stored text; set by the store with `id`."""
    sent: dict[str, Any] = {}
    """Sampling parameters that were sent in place of the prompt's; None for one that was left to the server's default.
    Set by `inference.connect`."""
    served: str = ""
    """Name of the model in the server's response, which may differ from the request's; "" where it has none."""


def recorded(sampling: Sampling, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Sampling parameters as a row records them. sent: as in `Reply.sent`."""
    return msgspec.to_builtins(sampling) | sent  # type: ignore[no-any-return]


Enforcement = Literal["enforced", "ignored", "refused"]
"""How an engine treats a constraint. ignored: the prompt is sent without it. refused: the prompt is not sent."""


class Capabilities(msgspec.Struct, frozen=True):
    """What an engine can do, as it declares before anything is asked."""

    choice_scores: bool = False
    """Whether `Reply.scores` has the log-probability of every choice of a prompt, however long."""
    choices: Enforcement = "ignored"
    """What becomes of `Constraint.choice`."""
    regex: Enforcement = "ignored"
    """What becomes of `Constraint.regex`."""
    images: bool = False
    """Whether a message may show pictures."""
    grouping: int = 1
    """Most requests with one prefix that it gains from being sent one after another (see `engines.grouping`)."""
    paid: bool = False
    """Whether requests cost money, so that two processes must not send the same one (see `reply_store.claims`). False
    for batch engines, whose batches must not depend on other processes."""
    session: int = 0
    """Prompts that are worth waiting for before any of their replies is used, as where a file of requests takes hours;
    0 where replies come one by one."""
    longest_wait: float = 0.0
    """Seconds that a reply may take where that is long; 0 for the usual patience."""


Complete = Callable[[Iterable[Prompt]], Iterator[Reply]]
"""The interface to every model: a reply per prompt, in order, lazily, with a bounded number in flight. Failures are
statuses."""


class Meter:
    """A `Complete` that counts replies and tokens for a stage's metrics.

    It counts new and stored replies alike, so that a second run has the same numbers. Numbers that differ from run to
    run are in `inference.progress`.
    """

    def __init__(self, complete: Complete) -> None:
        """`complete`: where the replies come from."""
        self._complete = complete
        self._statuses: Counter[str] = Counter()
        self._tokens = [0, 0]

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies, counted."""
        for reply in self._complete(prompts):
            self._statuses[reply.status] += 1
            self._tokens[0] += reply.tokens_in
            self._tokens[1] += reply.tokens_out
            yield reply

    def take(self) -> dict[str, Any]:
        """The `summary`; then starts to count from zero."""
        summary = self.summary()
        self._statuses, self._tokens = Counter(), [0, 0]
        return summary

    def summary(self) -> dict[str, Any]:
        """Replies by status and their tokens, as metrics."""
        return {
            "replies": self._statuses.total(), "replies_by_status": dict(sorted(self._statuses.items())),
            "reply_tokens_in": self._tokens[0], "reply_tokens_out": self._tokens[1],
        }  # fmt: skip


def seed_for(seed: int, record_id: str, purpose: str) -> Random:
    """A random generator of the record's own: independent of other rows, their order and the number of workers."""
    return Random(f"{seed}:{record_id}:{purpose}")


def draw_seed(seed: int, record_id: str, purpose: str) -> int:
    """A 31-bit sampling seed of the record's own; see `seed_for`."""
    return seed_for(seed, record_id, purpose).getrandbits(31)


MAX_SKIPPED = 1024
"""Items without a prompt in a row after which `ask` first waits for the replies in flight, unless `complete` has an
attribute `most_skipped` that says otherwise."""


def ask(
    complete: Callable[[Iterable[Input]], Iterator[Output]],
    items: Iterable[Item],
    prompt_of: Callable[[Item], Input | None],
) -> Iterator[tuple[Item, Output | None]]:
    """Each item with the reply to its prompt, in order; items whose prompt is None pass by unasked with None.

    `complete` is a `Complete`, or whatever else takes and gives a stream of the same order and number.

    Such streams compose: the output of one `ask` is the input of the next, and what the second asks of the first row
    does not wait for the first to ask of the last. Memory is bounded also where hardly any item is asked: besides what
    the engine has in flight, at most `MAX_SKIPPED` items wait between two prompts.
    """
    requests = ((item, prompt_of(item)) for item in items)
    for item, prompt in requests:
        if prompt is None:
            yield item, None
        else:
            yield from _one_call(complete, chain([(item, prompt)], requests))


def _one_call(
    complete: Callable[[Iterable[Input]], Iterator[Output]], requests: Iterator[tuple[Item, Input | None]]
) -> Iterator[tuple[Item, Output | None]]:
    """One call of `complete`, until the items end or `MAX_SKIPPED` in a row have no prompt."""
    waiting: deque[tuple[Item, bool]] = deque()
    most_skipped = getattr(complete, "most_skipped", MAX_SKIPPED)

    def prompts() -> Iterator[Input]:
        skipped = 0
        for item, prompt in requests:
            waiting.append((item, prompt is not None))
            skipped = skipped + 1 if prompt is None else 0
            if prompt is not None:
                yield prompt
            elif skipped == most_skipped:
                return

    for reply in complete(prompts()):
        while not waiting[0][1]:
            yield waiting.popleft()[0], None
        yield waiting.popleft()[0], reply
    while waiting:
        yield waiting.popleft()[0], None


class _Tries(NamedTuple, Generic[Item]):
    """An item, and how many replies and failures it has got so far."""

    item: Item
    replies: int = 0
    failures: int = 0


def retry(
    complete: Complete,
    items: Iterable[Item],
    attempts: int,
    prompt_of: Callable[[Item, int], Prompt | None],
    read: Callable[[Item, Reply], Item],
) -> Iterator[Item]:
    """The items in order, each updated by `read` with every reply, until `prompt_of` returns None for it.

    At most `attempts` replies are read for an item. `prompt_of` gets the number of replies so far, which is the sample
    to ask for. A failed reply is read too, but counted apart: the same sample is asked for again until `attempts`
    requests have failed. So which samples an item rests on never depends on failures, and a later run that finds all
    replies in the store gives the same items. Each try is a stream on top of the one before, so the first item's second
    try does not wait for the last item's first.
    """
    tries: Iterator[_Tries[Item]] = map(_Tries, items)
    for _ in range(2 * attempts - 1):  # enough for `attempts` replies and one failure less
        tries = _retried(ask(complete, tries, lambda one: _next_prompt(one, attempts, prompt_of)), read)
    return (one.item for one in tries)


def _next_prompt(one: _Tries[Item], attempts: int, prompt_of: Callable[[Item, int], Prompt | None]) -> Prompt | None:
    return None if max(one.replies, one.failures) >= attempts else prompt_of(one.item, one.replies)


def _retried(
    answers: Iterable[tuple[_Tries[Item], Reply | None]], read: Callable[[Item, Reply], Item]
) -> Iterator[_Tries[Item]]:
    for one, reply in answers:
        if reply is None:
            yield one
        else:
            failed = reply.status == "failed"
            yield _Tries(read(one.item, reply), one.replies + (not failed), one.failures + failed)
