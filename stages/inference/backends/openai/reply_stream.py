"""The replies to one call of `answer`, handed from the event loop to the calling thread in groups."""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import NamedTuple

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError

LARGEST_GROUP = 256
"""Replies in one group, so in one transaction of the store."""


class NoMorePrompts(NamedTuple):
    """The prompts have ended after `launched`, with `error` if taking or launching one raised it."""

    launched: int
    error: BaseException | None


class NoMoreRequests(NamedTuple):
    """Nothing more is sent, as `error` is true of every request; replies to requests in flight still arrive."""

    error: UserError


Event = tuple[int, Reply | None] | NoMorePrompts | NoMoreRequests | BaseException
"""(position, reply, or None for a request without one), an end, or an exception that ends the call."""


class ReplyStream:
    """The prompts of one call of an engine's `answer`, and their replies."""

    def __init__(self) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.launched = 0  # grows in the loop's thread only, and not once the engine has ended

    def groups(self) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of (position, reply) that have arrived by now, until every launched prompt is answered.

        Raises the error of `NoMoreRequests` or `NoMorePrompts` after the last group, any other exception at once.
        """
        resolved, prompts, end = 0, NoMorePrompts(-1, None), None
        while resolved != prompts.launched and not (end and resolved == self.launched):
            group = []
            for event in _arrived(self.events):
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, NoMorePrompts):
                    prompts = event
                elif isinstance(event, NoMoreRequests):
                    end = event
                else:
                    resolved += 1
                    group += [(event[0], event[1])] if event[1] else []
            if group:
                yield group
        if error := end.error if end else prompts.error:
            raise error

    def send(self, prompts: Iterable[Prompt], enter: Callable[[], bool], launch: Callable[[int, Prompt], None]) -> None:
        """Launch each prompt once `enter` has waited for a slot, until it returns False. Blocks in a thread of its own.

        Taking a prompt may block as well; that comes first, since an idle stream must not keep a slot from the stream
        that its prompts depend on.
        """
        launched, error = 0, None
        try:
            for prompt in prompts:
                if not enter():
                    break
                launch(launched, prompt)
                launched += 1
        except BaseException as raised:
            error = raised
        self.events.put(NoMorePrompts(launched, error))


def _arrived(events: "SimpleQueue[Event]") -> list[Event]:
    """The next event, waited for, and those that are there already."""
    group = [events.get()]
    try:
        while len(group) < LARGEST_GROUP:
            group.append(events.get_nowait())
    except Empty:
        pass
    return group
