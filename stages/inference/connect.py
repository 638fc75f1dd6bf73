"""`connect`: a `Complete` for an engine of params.yaml, with reply store, order, budget and progress."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from operator import length_hint
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from stages import params
from stages.core.completions import MAX_SKIPPED, Capabilities, Complete, Meter, Prompt, Reply
from stages.core.state_folder import store_path
from stages.inference.answer_only import AnswersOnly
from stages.inference.backends import BACKENDS
from stages.inference.budgets import Ledger
from stages.inference.engine_interface import Backend, Recall
from stages.inference.progress import Progress
from stages.inference.scheduler import Connection
from stages.inference.stored_only import is_set, open_stored_only
from stages.params.fetched_models import check_fetched
from stages.reply_store.claims import Claims
from stages.reply_store.identity import Identity, reference_of
from stages.reply_store.store import Replies

MODELS = Path("models")
Item = TypeVar("Item")
Row = TypeVar("Row")


class Connected(Meter):
    """A `Complete` that counts replies for a stage's metrics, and finished rows for the progress line."""

    def __init__(
        self,
        complete: Complete,
        progress: Progress | None = None,
        capabilities: Capabilities = Capabilities(),
        description: str = "",
        sent: Mapping[str, Any] | None = None,
    ) -> None:
        """`progress`: None where none is shown. `description`: the engine in words. `sent`: as in `Reply.sent`."""
        super().__init__(complete)
        self.capabilities, self.description = capabilities, description
        self._progress, self._sent = progress, dict(sent or {})
        self.most_skipped = max(MAX_SKIPPED, capabilities.session)
        """As `completions.ask` reads it."""

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies, counted, each with the sampling parameters that were sent in place of its prompt's."""
        replies = super().__call__(prompts)
        return (msgspec.structs.replace(reply, sent=self._sent) for reply in replies) if self._sent else replies

    @property
    def is_dry_run(self) -> bool:
        """Whether replies are stand-ins for those that a run would get, as while a plan is made."""
        return self._progress is None

    def expect(self, rows: int, later: int = 0) -> None:
        """Expect so many more rows, and `later` after them."""
        if self._progress:
            self._progress.expect(rows, later)

    def rows(self, finished: Iterable[Row], of: object = (), passes_left: int = 0) -> Iterator[Row]:
        """Pass on the rows that a stage finishes and count them as progress; as many are expected as `of` is long.

        `of` has a length, or a length hint as `jsonl.read_validated` gives one. passes_left: how often this will be
        called again for as many rows, as for later rounds.
        """
        rows = length_hint(of)
        self.expect(rows, passes_left * rows)
        return self._count_rows(finished)

    def watched(
        self, transform: Callable[[Iterable[Item]], Iterator[Row]], of: object = None
    ) -> Callable[[Iterable[Item]], Iterator[Row]]:
        """`transform`, a function from a stream to one of equal length, with its results counted as by `rows`.

        `of`: something as long as the stream, where the stream has no length itself.
        """
        return lambda items: self.rows(transform(items), items if of is None else of)

    def _count_rows(self, finished: Iterable[Row]) -> Iterator[Row]:
        for row in finished:
            yield row
            if self._progress:
                self._progress.finish()


class Target(NamedTuple):
    """What an entry of `engines` refers to, before anything is opened."""

    backend: Backend
    directory: Path
    """The model's."""
    options: dict[str, Any]
    """With what was learnt from a server in place of "auto"."""
    identity: Identity
    capabilities: Capabilities
    description: str
    """Engine and model, for messages."""


def resolve(
    engine: params.Engine, model: str | None, models: Path = MODELS, recall: Recall | None = None
) -> Target:  # fmt: skip
    """The engine and model of an entry of `engines`; `model` where the entry names none. Raises UserError.

    recall: what is learnt of servers, by default recorded beside the reply store.
    """
    backend = BACKENDS[engine.engine]
    directory = models / (engine.model or model or "")
    reference = reference_of(directory)
    options = backend.settle(reference, engine.options, recall or Recall(recall_path(store_path())))
    identity, capabilities = backend.identify(reference, options), backend.capabilities(directory, options)
    return Target(backend, directory, options, identity, capabilities, f"engine {engine.engine} ({identity.model})")


def recall_path(store: Path) -> Path:
    """The file with what was learnt of servers, in the folder of the reply store."""
    return store.with_name("servers.json")


class Connect(Protocol):
    """The type of `connect`, as a parameter of commands: a plan passes a function that opens no model."""

    def __call__(
        self, engine: params.Engine, model: str | None = None, purpose: str = ""
    ) -> AbstractContextManager[Connected]:
        """A `Complete` for an entry of `engines`; see `connect`."""


@contextmanager
def connect(
    engine: params.Engine, model: str | None = None, purpose: str = "", models: Path = MODELS, store: Path | None = None
) -> Iterator[Connected]:
    """A `Complete` for an entry of `engines` in params.yaml; `model` is used where the entry names none.

    Replies come from the store where it has them; the engine is opened at the first request that is not cached. They
    come without the model's reasoning. `models` and `store`: the folder of the models and the file of the store, by
    default models/ and `state_folder.store_path`. Raises UserError for an unknown engine or model, or a model fetched
    before its reference was changed, and from the stream for what concerns every prompt, or for a request that is not
    cached where SEQIT_STORED_ONLY is set.
    """
    check_fetched(models / (engine.model or model or ""), engine.references)
    store = store or store_path()
    target = resolve(engine, model, models, Recall(recall_path(store), probes=not is_set()))
    backend, directory, options, identity, capabilities, description = target
    with ExitStack() as stack:
        replies = stack.enter_context(Replies(store))
        progress = stack.enter_context(Progress(purpose, identity.model, replies.path.with_suffix(".log")))
        ledger = Ledger(replies, identity, engine.charged_price, engine.budget) if engine.budget else None
        claims = Claims(replies.path) if capabilities.paid else None
        connection = stack.enter_context(
            Connection(
                identity, replies, progress,
                lambda: open_stored_only(identity, store) if is_set() else backend.open_engine(directory, options),
                ledger, capabilities, claims,
            )
        )  # fmt: skip
        answers = AnswersOnly(connection.complete, engine.reasoning)
        yield Connected(answers, progress, capabilities, description, backend.sent_sampling(options))
        answers.summarise()
