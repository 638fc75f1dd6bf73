"""What every engine is: a way to a model that answers prompts in groups."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from stages.core.completions import Prompt, Reply


class Engine(Protocol):
    """A way to a model. `answer` may be called from several threads at once; a local model needs a lock of its own.

    What it can do is declared by its module's `capabilities`: it is never given a prompt that it refuses.
    """

    identity: str

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of (position in `prompts`, reply) as they are finished, in any order; each is stored in one
        transaction.

        Each prompt is answered exactly once; a failure is a status, and only what concerns every prompt (a wrong key,
        no such model) is a UserError. Taking the next of `prompts` may block until a caller has made it. A batch engine
        takes its batches in order and waits for a whole one, so that the same batches form again after a kill -9.
        """

    def cancel(self) -> None:
        """Abandon the requests under way, after which `answer` raises soon; nothing where there are none."""

    def use_history(self, remembers: Callable[[], bool]) -> None:
        """Called once: `remembers` says whether any reply came out of the store. For engines that give up where nothing
        ever succeeds."""


class Local:
    """An engine on this machine: nothing is under way that could be abandoned, and it never gives up."""

    def cancel(self) -> None:
        """Nothing."""

    def use_history(self, remembers: Callable[[], bool]) -> None:
        """Nothing."""
