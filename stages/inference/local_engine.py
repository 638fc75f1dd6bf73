"""What engines on this machine share: batches in the order of the prompts, and checks for installed packages."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import islice
from threading import Lock

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError


class LocalEngine:
    """Base of engines on this machine: no request can be abandoned, and no run is ended for repeated failures."""

    def cancel(self) -> None:
        """Do nothing."""

    def use_history(self, has_cached_replies: Callable[[], bool]) -> None:
        """Do nothing."""


class Batches:
    """Batches cut from a stream in order, computed one at a time: concurrent streams would share the same cores.

    Each batch is complete before it is computed, so that the same batches form again when a killed run is resumed.
    """

    def __init__(
        self,
        size: int,
        compute: Callable[[list[Prompt]], list[Reply]],
        smallest: int = 1,
        new_tokens: int | None = None,
    ) -> None:
        """`compute` replies to up to `size` prompts, same order and number.

        `new_tokens`: a batch of at least `smallest` prompts ends where their replies may have that many; None: never.
        """
        self._size, self._smallest, self._new_tokens = size, smallest, new_tokens
        self._compute = compute
        self._lock = Lock()

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) per batch."""
        numbered = enumerate(prompts)
        while batch := self._next_batch(numbered):
            with self._lock:
                replies = self._compute([prompt for _, prompt in batch])
            yield [(position, reply) for (position, _), reply in zip(batch, replies, strict=True)]

    def _next_batch(self, numbered: Iterator[tuple[int, Prompt]]) -> list[tuple[int, Prompt]]:
        # Where it ends depends on its own prompts alone: those after a stored batch form the same batches without it.
        batch, tokens = [], 0
        for pair in islice(numbered, self._size):
            batch.append(pair)
            tokens += pair[1].sampling.max_tokens
            if self._new_tokens is not None and len(batch) >= self._smallest and tokens >= self._new_tokens:
                break
        return batch


def require_package(package: str, required: str, engine: str) -> None:
    """Raise UserError unless `package` is installed, in the version `required` of params.yaml ("" for any)."""
    if find_spec(package) is None:
        raise UserError(
            f"engine {engine}: the package {package} is not installed here; on a GPU install {package}"
            f"{f'=={required}' if required else ''}, on a CPU `make test-engines` makes .venv-engines, which has it"
        )
    installed = _version(package)
    if required and installed != required:
        raise UserError(
            f"params.yaml: engine {engine}: version is {required}, installed is {package} {installed}; set it to "
            f"{installed}, and new requests go to that version"
        )


def require_local_extra(user: str = "engine transformers") -> None:
    """Raise UserError, which names `user`, unless the extra `local` is installed: torch and Transformers."""
    if missing := [package for package in ("torch", "transformers") if find_spec(package) is None]:
        raise UserError(
            f"{user}: the package {missing[0]} is not installed here; `make env-local` installs it (outside a checkout "
            "`pip install 'seqit[local]'`)"
        )


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "of no known version"
