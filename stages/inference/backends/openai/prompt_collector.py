"""Prompts of a session, taken in a thread of their own."""

import queue
import threading
from collections.abc import Iterable
from typing import Any

from stages.core.completions import Prompt


class PromptCollector:
    """Takes prompts as they come: taking one may block until a reply of another stream has come."""

    def __init__(self, prompts: Iterable[Prompt]) -> None:
        """Starts at once."""
        self.ended = False
        """Whether all prompts have been taken from here."""
        self._queue: queue.SimpleQueue[tuple[int, Prompt] | BaseException | None] = queue.SimpleQueue()
        threading.Thread(target=self._collect, args=(prompts,), daemon=True).start()

    def _collect(self, prompts: Iterable[Prompt]) -> None:
        try:
            for pair in enumerate(prompts):
                self._queue.put(pair)
            self._queue.put(None)
        except BaseException as error:
            self._queue.put(error)

    def take(self, most: int, wait: float) -> list[tuple[int, Prompt]]:
        """Up to `most` (position, prompt) pairs; none where none came within `wait` seconds.

        Waits for further ones as long as each comes in that time. Raises what taking a prompt raised.
        """
        taken: list[tuple[int, Prompt]] = []
        while len(taken) < most and not self.ended:
            try:
                one: Any = self._queue.get(timeout=wait)
            except queue.Empty:
                break
            if isinstance(one, BaseException):
                raise one
            if one is None:
                self.ended = True
            else:
                taken.append(one)
        return taken
