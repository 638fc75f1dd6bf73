"""The protocol of an engine, and what a backend declares about its engine before a model is loaded."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from stages.core.completions import Capabilities, Prompt, Reply
from stages.core.errors import UserError
from stages.reply_store.identity import Identity, Reference

Options = TypeVar("Options")
WHERE_OPTIONS_ARE_EXPLAINED = "stages/profiles/full.yaml says above `engines` what it takes"
"""In that profile, since other profiles do not repeat the explanation."""


class Engine(Protocol):
    """An open model. `answer` may be called from several threads at once; a local model needs a lock of its own.

    The scheduler never passes a prompt that the backend's `capabilities` refuse.
    """

    identity: str

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of (position in `prompts`, reply) as they are finished, in any order.

        The caller stores each group in one transaction. Each prompt is answered exactly once; a failure is a status,
        and only what concerns every prompt (a wrong key, an unknown model) raises UserError. Taking the next of
        `prompts` may block until a caller has made it. A batch engine takes its batches in order and waits for a whole
        one, so that the same batches form again after a kill -9.
        """

    def cancel(self) -> None:
        """Abandon the requests in flight, after which `answer` raises soon; does nothing where there are none."""

    def use_history(self, has_cached_replies: Callable[[], bool]) -> None:
        """Called once, before `answer`. `has_cached_replies`: whether any reply of this run came out of the store.

        For engines that end the run when no request ever succeeds.
        """


class EngineCheck(msgspec.Struct):
    """What a small request to a model showed, in words for people."""

    facts: dict[str, str]
    """Subject -> what is known of it, in the order in which it is shown."""
    problems: list[str] = []
    """What will not work, each with what to write in params.yaml."""
    notes: list[str] = []
    """What will work otherwise than one may expect."""
    requests: int = 0
    """How many requests were sent; 0 where all was known."""
    takes_top_k: bool = True
    """False where a prompt with a top_k would be refused before it is sent."""
    tokens_per_second: float = 0.0
    """Tokens written a second in reply to one request alone; 0 where that is not known."""


class Recall(NamedTuple):
    """Where what was learnt of servers is recorded, and whether anything may be sent to learn more."""

    path: Path
    """A file; it need not exist."""
    probes: bool = True
    """Whether a server may be asked."""
    again: bool = False
    """Whether it is asked also where the answer is recorded."""


def _unsettled(reference: Reference | None, options: dict[str, Any], recall: Recall) -> dict[str, Any]:
    return options


def _none_changed(options: dict[str, Any]) -> dict[str, Any]:
    return {}


class Backend(NamedTuple):
    """What a backend package declares: the constant `BACKEND` of its module `engine`. `options`: as in params.yaml.

    Each function raises UserError for options that are missing, unknown or out of range.
    """

    identify: Callable[[Reference | None, dict[str, Any]], Identity]
    """What identifies the model's replies, from the reference of its folder and the options. Loads nothing."""
    capabilities: Callable[[Path, dict[str, Any]], Capabilities]
    """What the engine can do with the model of a folder. Loads nothing."""
    open_engine: Callable[[Path, dict[str, Any]], AbstractContextManager[Engine]]
    """Load the model of a folder; called at the first prompt that is not cached. Raises UserError if that fails."""
    sent_sampling: Callable[[dict[str, Any]], dict[str, Any]] = _none_changed
    """Sampling parameters that the engine changes or leaves out, as `Reply.sent` records them."""
    settle: Callable[[Reference | None, dict[str, Any], Recall], dict[str, Any]] = _unsettled
    """The options with what is learnt from the model in place of "auto", which the other functions refuse."""
    check: Callable[[Reference | None, dict[str, Any], Recall], EngineCheck] | None = None
    """Check a server by a small request; None for engines that load the model."""


def read_options(options: dict[str, Any], kind: type[Options], engine: str) -> Options:
    """The options as `kind`. Raises UserError for one that is missing, unknown or out of its range."""
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"params.yaml: engine {engine}: {error}; {WHERE_OPTIONS_ARE_EXPLAINED}") from None


def required_reference(reference: Reference | None, engine: str) -> Reference:
    """The reference of the model that an engine loads. Raises UserError where the folder has none."""
    if reference is None:
        raise UserError(
            f"params.yaml: the {engine} engine needs a model of `fetch.models` or `train.runs`; fetch or train it"
        )
    return reference
