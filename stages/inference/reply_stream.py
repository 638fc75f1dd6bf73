"""From a thread that sends requests to the thread that answers a caller: replies, in groups, until all are there."""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import NamedTuple

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError


class Sent(NamedTuple):
    """No more prompts come: how many there were, and why if not because they were all."""

    prompts: int
    error: BaseException | None


class Ended(NamedTuple):
    """No more requests are sent, as `error` is true of every one; replies to those under way still come."""

    error: UserError


Result = tuple[int, Reply | None] | Sent | Ended | BaseException
"""What the answering thread is given: a reply or that none came, the end of the prompts or of all, or a fault."""


class PromptStream:
    """The prompts of one call of an engine's `answer`, and what has become of them."""

    def __init__(self) -> None:
        self.results: SimpleQueue[Result] = SimpleQueue()
        self.launched = 0  # grows in the loop's thread only, and not once the engine has ended

    def groups(self) -> Iterator[list[tuple[int, Reply]]]:
        """Replies as they come, together with those that have come by then, until all that was sent is answered."""
        resolved, sent, ended = 0, Sent(-1, None), None
        while resolved != sent.prompts and not (ended and resolved == self.launched):
            group = []
            for result in _arrived(self.results):
                if isinstance(result, BaseException):
                    raise result
                if isinstance(result, Sent):
                    sent = result
                elif isinstance(result, Ended):
                    ended = result
                else:
                    resolved += 1
                    group += [(result[0], result[1])] if result[1] else []
            if group:
                yield group
        if failure := ended.error if ended else sent.error:
            raise failure

    def feed(self, prompts: Iterable[Prompt], enter: Callable[[], bool], launch: Callable[[int, Prompt], None]) -> None:
        """Launch prompts as there are turns for them, until `enter` says no; blocks, as taking a prompt may."""
        count, failure = 0, None
        try:
            # A turn is taken with a prompt in hand: an idle stream must not keep one from the stream that feeds it.
            for prompt in prompts:
                if not enter():
                    break
                launch(count, prompt)
                count += 1
        except BaseException as error:
            failure = error
        self.results.put(Sent(count, failure))


def _arrived(results: "SimpleQueue[Result]") -> list[Result]:
    group = [results.get()]
    try:
        while len(group) < 256:
            group.append(results.get_nowait())
    except Empty:
        pass
    return group
