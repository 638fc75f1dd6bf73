"""Batches cut from a stream in order and answered one after another: how every engine on this machine works.

Each batch is whole before it is computed, so that the same batches form again when a killed run goes on.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Lock

from stages.core.completions import Prompt, Reply


class Batches:
    """One at a time: streams that ask together would only share the same cores."""

    def __init__(self, size: int, replies: Callable[[list[Prompt]], list[Reply]]) -> None:
        """`replies` answers up to `size` prompts, same order and number."""
        self._size = size
        self._replies = replies
        self._lock = Lock()

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) a batch."""
        numbered = enumerate(prompts)
        while batch := list(islice(numbered, self._size)):
            with self._lock:
                replies = self._replies([prompt for _, prompt in batch])
            yield [(position, reply) for (position, _), reply in zip(batch, replies, strict=True)]
