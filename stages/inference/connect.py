"""How a model is reached: `connect` gives a `Complete` that remembers, keeps the order and tells how it goes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from operator import length_hint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from stages import params
from stages.core.completions import Capabilities, Complete, Meter, Prompt, Reply
from stages.core.errors import UserError
from stages.core.state_folder import store_path
from stages.inference.answer_only import Answers
from stages.inference.budgets import Ledger
from stages.inference.dry_run import PLANNER
from stages.inference.engine_interface import Engine
from stages.inference.progress import Progress
from stages.inference.scheduler import Connection
from stages.params.fetched_models import check_fetched
from stages.reply_store.claims import Claims
from stages.reply_store.identity import Identity, reference_of
from stages.reply_store.store import Replies

MODELS = Path("models")
Item = TypeVar("Item")
Row = TypeVar("Row")

ENGINES = {
    "embedded": "stages.inference.backends.embedded",
    "transformers": "stages.inference.backends.transformers",
    "openai": "stages.inference.backends.openai",
    "vllm": "stages.inference.backends.vllm",
    "ray": "stages.inference.backends.ray",
    "scripted": "stages.inference.backends.scripted",
}
"""Name in params.yaml -> module, imported when asked for.

A module has `open_engine(directory: Path, options: dict[str, Any]) -> ContextManager[Engine]`. It is called at the
first prompt that is not remembered, so a stage that remembers everything loads no model. It has `identify(reference:
Reference | None, options) -> Identity`, and `capabilities(directory, options) -> Capabilities`, which loads nothing.
"""


class Connected(Meter):
    """A `Complete` that counts replies for a stage's metrics, and rows for people."""

    def __init__(
        self,
        complete: Complete,
        progress: Progress | None = None,
        capabilities: Capabilities = Capabilities(),
        description: str = "",
        sent: Mapping[str, Any] | None = None,
    ) -> None:
        """`description` is the engine in words; `progress` is None where none is shown; `sent` as in `Reply.sent`."""
        super().__init__(complete)
        self.capabilities, self.description = capabilities, description
        self._progress, self._sent = progress, dict(sent or {})

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        """The replies, counted, each with what was sent otherwise than its prompt says."""
        replies = super().__call__(prompts)
        return (msgspec.structs.replace(reply, sent=self._sent) for reply in replies) if self._sent else replies

    def expect(self, rows: int) -> None:
        """So many more rows will come."""
        if self._progress:
            self._progress.expect(rows)

    def rows(self, made: Iterable[Row], of: object = ()) -> Iterator[Row]:
        """What a stage makes, row by row, told as progress. As many rows will come as `of` is long.

        `of` has a length, or a length hint as `jsonl.read_validated` gives one.
        """
        self.expect(length_hint(of))
        return self._finishing(made)

    def watched(
        self, made: Callable[[Iterable[Item]], Iterator[Row]], of: object = None
    ) -> Callable[[Iterable[Item]], Iterator[Row]]:
        """`made`, a function of a stream to a stream of as many, with what it gives told as `rows`.

        `of`: what is as long as the stream, where the stream itself can't tell.
        """
        return lambda items: self.rows(made(items), items if of is None else of)

    def _finishing(self, made: Iterable[Row]) -> Iterator[Row]:
        for row in made:
            yield row
            if self._progress:
                self._progress.finish()


@contextmanager
def connect(
    engine: params.Engine, model: str | None = None, purpose: str = "", models: Path = MODELS, store: Path | None = None
) -> Iterator[Connected]:
    """A `Complete` for an entry of `engines` in params.yaml; `model` is used where the entry names none.

    Replies come from the store where it has them; the engine is opened at the first that it has not. `models` and
    `store` say where the models and the store are, by default models/ and what `checkout.store_path` says. Raises
    UserError for an unknown engine or model, or one fetched before its reference was changed, and from the stream when
    something concerns every prompt. While a plan is made (`planning.PLANNER`), no model is reached and nothing is
    stored. Replies come without the model's reasoning.
    """
    module = _module(engine.engine)
    directory = models / (engine.model or model or "")
    identity: Identity = module.identify(reference_of(directory), engine.options)
    able: Capabilities = module.capabilities(directory, engine.options)
    description = f"engine {engine.engine} ({identity.model})"
    if planner := PLANNER.get():
        answers = Answers(planner.complete(identity, engine, directory), engine.reasoning)
        yield Connected(answers, None, able, description)
        return
    check_fetched(directory, engine.references)
    with ExitStack() as stack:
        replies = stack.enter_context(Replies(store or store_path()))
        progress = stack.enter_context(Progress(purpose, identity.model, replies.path.with_suffix(".log")))

        def open_engine() -> AbstractContextManager[Engine]:
            opened: AbstractContextManager[Engine] = module.open_engine(directory, engine.options)
            return opened

        ledger = Ledger(replies, identity, engine.price, engine.budget) if engine.budget else None
        claims = Claims(replies.path) if able.paid else None
        connection = stack.enter_context(Connection(identity, replies, progress, open_engine, ledger, able, claims))
        answers = Answers(connection.complete, engine.reasoning)
        sent = module.sent_sampling(engine.options) if hasattr(module, "sent_sampling") else {}
        yield Connected(answers, progress, able, description, sent)
        answers.summarise()


def _module(name: str) -> ModuleType:
    if name not in ENGINES:
        raise UserError(f"params.yaml: engine {name!r} is unknown; known are {', '.join(sorted(ENGINES))}")
    return import_module(ENGINES[name])
