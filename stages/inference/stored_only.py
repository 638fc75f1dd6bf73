"""The engine that answers nothing: where SEQIT_STORED_ONLY is set, replies come from the reply store alone."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.inference.local_engine import LocalEngine
from stages.reply_store.identity import Identity
from stages.reply_store.keys import request

VARIABLE = "SEQIT_STORED_ONLY"
"""Environment variable; any text but "" sets it."""


class StoredOnly(LocalEngine):
    """An engine that refuses its first request: one that the store has no reply to."""

    def __init__(self, identity: Identity, store: Path) -> None:
        """identity: of the model that would be asked. store: where its reply was looked for."""
        self.identity, self._model, self._store = identity.model, identity, store

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Raises UserError for the first prompt, with its key."""
        for prompt in prompts:
            key = request(self._model, prompt).key.hex()
            raise UserError(
                f"{self._store}: has no reply of {self._model.model} to a request for {prompt.purpose or 'a text'} "
                f"(key {key[:12]}), and {VARIABLE} lets none be asked for"
            )
        return iter(())


def is_set() -> bool:
    """Whether the environment lets no model be asked."""
    return bool(os.environ.get(VARIABLE))


@contextmanager
def open_stored_only(identity: Identity, store: Path) -> Iterator[StoredOnly]:
    """The engine in place of that of the model `identity`."""
    yield StoredOnly(identity, store)
