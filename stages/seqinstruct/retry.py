"""A row while a model is being asked about it, and how it is asked about until it is settled."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stages.core.completions import Complete, Prompt, Reply, retry
from stages.core.records import Record, Status


@dataclass(frozen=True)
class Draft:
    """A record, what has been decided about it so far, and the replies that decided it."""

    record: Record
    action: str = ""
    status: Status = "failed"
    """How it stands; until `done`, how the last try ended."""
    reason: str = ""
    text: str = ""
    """What the model wrote for it: a new instruction, or a response."""
    reasoning: str = ""
    """The model's reasoning in the last reply, where params say to keep it."""
    done: bool = False
    """Settled: nothing more is asked about it."""
    replies: tuple[str, ...] = ()
    text_hashes: tuple[str, ...] = ()
    generator: str = ""
    sent: Mapping[str, Any] = field(default_factory=dict)
    """As `Reply.sent`."""
    prompts: tuple[str, ...] = ()
    """Hashes of the prompt files that were rendered for it."""

    def failed(self, status: Status, reason: str = "") -> "Draft":
        """This try came to nothing; another may."""
        return replace(self, status=status, reason=reason)

    def settled(self, **changes: str) -> "Draft":
        """Done, and well."""
        return replace(self, status="ok", reason="", done=True, **changes)  # type: ignore[arg-type]

    def heard(self, reply: Reply) -> "Draft":
        """With this reply among those that decided it."""
        model = reply.model or self.generator
        draft = replace(self, generator=model, reasoning=reply.reasoning, sent=reply.sent)
        if not reply.id:
            return draft
        hashes = (*self.text_hashes, reply.text_hash)
        return replace(draft, replies=(*self.replies, reply.id), text_hashes=hashes)

    def prompted(self, prompt: str) -> "Draft":
        """With this prompt file among those rendered for it."""
        return self if not prompt or prompt in self.prompts else replace(self, prompts=(*self.prompts, prompt))


def retried(
    drafts: Iterable[Draft],
    complete: Complete,
    attempts: int,
    prompt_of: Callable[[Draft, int], Prompt | None],
    settle: Callable[[Draft, Reply], Draft],
) -> Iterator[Draft]:
    """The drafts in order, each asked about until it is settled, at most `attempts` times (see `messages.retry`).

    `prompt_of` gets the number of the sample, from 0, and returns None for a draft that needs no asking; `settle` reads
    the reply.
    """

    def request(draft: Draft, sample: int) -> Prompt | None:
        return None if draft.done else prompt_of(draft, sample)

    def read(draft: Draft, reply: Reply) -> Draft:
        return _read(draft.heard(reply), reply, settle)

    return retry(complete, drafts, attempts, request, read)


def _read(draft: Draft, reply: Reply, settle: Callable[[Draft, Reply], Draft]) -> Draft:
    """A reply that was withheld, never came, or holds no answer is never read as anything."""
    if reply.status in ("thought", "refused", "failed"):
        return draft.failed(reply.status, reply.error)
    return settle(draft, reply)
