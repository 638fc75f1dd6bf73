"""vLLM on a Ray cluster, by Ray Data's batch processor (ray.data.llm): models and corpora too large for one machine.

Each batch comes back, and is stored, when its last sequence is done. Run with Ray 2.58.0 and vLLM 0.32.0 (CPU). Ray is
no part of the default environment: `make test-engines` makes one for a CPU (.venv-engines).
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Annotated, Any

import msgspec

from stages.core.completions import Capabilities, Prompt, Reply
from stages.core.errors import UserError
from stages.inference.backends.ray.ray_data import Pipeline, Result, cause, dataset
from stages.inference.backends.vllm.vllm_tokens import Made, Piece, Positive, Sequences, Settings, identity
from stages.inference.options import checked
from stages.inference.requirements import demand
from stages.model_files.integrity import check
from stages.reply_store.identity import Identity, Reference

SPARE = 8
"""CPUs that a Ray of our own believes to have besides those of the models: without some, its small tasks starve."""
AGAIN = "There are infinite retries remaining"
"""What Ray prints, with a traceback, of a model that can't be loaded; in the end it comes out of the pipeline."""


class Options(Settings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The engine's options in params.yaml; see `Settings` for the others."""

    address: str | None
    """Of the cluster, "auto" on one of its machines. null: a Ray of our own on this machine."""
    concurrency: Positive
    """Copies of the model."""
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Sequences a batch; each copy computes several batches at once."""
    bundle: dict[str, Annotated[float, msgspec.Meta(gt=0)]]
    """What each of a copy's `tensor_parallel` parts takes of the cluster: {GPU: 1}, on a CPU {CPU: 1}."""


Told = Result | tuple[int, Reply] | int
"""Outcomes from the pipeline or its failure, a reply to a prompt that was not sent, or how many pieces were."""


class Cluster:
    """An `Engine` over a pipeline of Ray Data."""

    def __init__(self, directory: Path, options: Options, logs: Path) -> None:
        """Ray must have been started, and logs into `logs`."""
        self.identity = str(directory)
        self._sequences = Sequences(directory, options.max_model_len)
        copies, bundles = options.concurrency, [options.bundle] * options.tensor_parallel

        def make(feed: Any) -> Any:
            return dataset(feed, directory, options.arguments(), options.batch_size, copies, bundles)

        self._pipeline = Pipeline(make, options.batch_size, lambda error: cause(error, directory, logs))

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of what has come back meanwhile."""
        call = _Call(self._sequences, self._pipeline)
        # Taking a prompt may block until something that is answered here has been told.
        Thread(target=call.send, args=(prompts,), daemon=True).start()
        return call.replies()

    def use_history(self, remembers: Callable[[], bool]) -> None:
        """Nothing: it does not give up."""

    def cancel(self) -> None:
        """Abandon what is under way; `answer` raises."""
        self._pipeline.fail(RuntimeError("the engine was closed"))


class _Call:
    """One stream of prompts on its way through the pipeline."""

    def __init__(self, sequences: Sequences, pipeline: Pipeline) -> None:
        self._sequences, self._pipeline = sequences, pipeline
        self._results: SimpleQueue[Told] = SimpleQueue()
        self._asked: dict[int, tuple[Prompt, list[Piece], dict[int, Made]]] = {}
        self._of: dict[int, tuple[int, int]] = {}

    def send(self, prompts: Iterable[Prompt]) -> None:
        """Hand the prompts over in batches; the last ones are not whole."""
        count = 0
        try:
            for batch in self._batches(prompts):
                self._pipeline.put(batch, self._results.put)
                count += len(batch)
            self._results.put(count)
        except BaseException as error:
            self._results.put(error)

    def _batches(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Piece]]]:
        # Of one kind each: a number that only some rows of a block have comes out of Ray as a float, also where it is
        # there, and vLLM's process dies of it without a word.
        kinds: dict[bool, list[tuple[int, Piece]]] = {True: [], False: []}
        for number, piece in self._numbered(prompts):
            batch = kinds[piece.params["logprobs"] is None]
            batch.append((number, piece))
            if len(batch) == self._pipeline.batch_size:
                yield batch[:]
                batch.clear()
        yield from filter(None, kinds.values())

    def _numbered(self, prompts: Iterable[Prompt]) -> Iterator[tuple[int, Piece]]:
        number = 0
        for position, prompt in enumerate(prompts):
            pieces = self._sequences.pieces(prompt)
            if isinstance(pieces, Reply):
                self._results.put((position, pieces))
                continue
            self._asked[position] = (prompt, pieces, {})
            for place, piece in enumerate(pieces):
                self._of[number] = (position, place)
                yield number, piece
                number += 1

    def replies(self) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of (position, reply) until every piece sent has come back."""
        came, sent = 0, -1
        while came != sent:
            told = self._results.get()
            if isinstance(told, BaseException):
                raise told
            if isinstance(told, int):
                sent = told
            elif isinstance(told, tuple):
                yield [told]
            else:
                came += len(told)
                if group := [*self._ended(told)]:
                    yield group

    def _ended(self, outcomes: list[tuple[int, Made]]) -> Iterator[tuple[int, Reply]]:
        for number, outcome in outcomes:
            position, place = self._of.pop(number)
            prompt, pieces, made = self._asked[position]
            made[place] = outcome
            if len(made) == len(pieces):
                del self._asked[position]
                yield position, self._sequences.reply(prompt, pieces, [made[k] for k in range(len(pieces))])


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """That of the vllm engine: the cluster is speed."""
    return identity(reference, checked(options, Options, "ray"), "ray")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """What vLLM can do with any model of text; a batch whose prompts begin alike is computed sooner."""
    found = checked(options, Options, "ray")
    return Capabilities(
        choice_scores=True,
        choices="enforced",
        regex="enforced",
        grouping=found.batch_size if found.prefix_caching else 1,
    )


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[Cluster]:
    """The engine on the model of `directory`, which every machine of the cluster must see under the same path.

    Raises UserError where Ray, vLLM, the model or the cluster is missing.
    """
    found = checked(options, Options, "ray")
    demand("ray", "", "ray")
    demand("vllm", found.version, "ray")
    check(directory)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", AGAIN)
    import ray
    import ray.data

    # An error within Ray Data comes out of the pipeline, too, and is told once.
    _quiet(logging.CRITICAL + 1)
    logs = _start_ray(found)
    try:
        yield Cluster(directory, found, logs)
    finally:
        ray.shutdown()


def _quiet(level: int) -> None:
    for name in ("ray", "ray.data", "ray.llm"):
        logging.getLogger(name).setLevel(level)


def _start_ray(options: Options) -> Path:
    """Where Ray logs."""
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if options.address is None:
            copies = options.concurrency * options.tensor_parallel
            cpus = int(copies * options.bundle.get("CPU", 0)) + SPARE
            context = ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            context = ray.init(options.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"engine ray: no cluster at address {options.address!r} ({reason})") from None
    return Path(context.address_info["session_dir"], "logs")
