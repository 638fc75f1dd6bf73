"""The engine `ray`: vLLM on a Ray cluster, by Ray Data's batch processor (ray.data.llm), for large models and corpora.

Each batch comes back, and is stored, when its last sequence is complete. Tested with Ray 2.58.0 and vLLM 0.32.0 (CPU).
Ray is not part of the default environment: `make test-engines` makes one for a CPU (.venv-engines).
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
from stages.inference.backends.ray.pipeline import Pipeline, PipelineEvent, cause, result_dataset
from stages.inference.engine_interface import Backend, read_options
from stages.inference.local_engine import require_package
from stages.inference.vllm_sequences import (
    Positive,
    SequenceCodec,
    SequenceRequest,
    SequenceResult,
    VllmOptions,
    vllm_identity,
)
from stages.model_files.integrity import check
from stages.reply_store.identity import Identity, Reference

SPARE_CPUS = 8
"""CPUs that a local Ray is given besides those of the models: without some, its small tasks starve."""
RETRY_MESSAGE = "There are infinite retries remaining"
"""Part of what Ray prints for a model that can't be loaded; the error also comes out of the pipeline."""


class Options(VllmOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The engine's options in params.yaml; see `VllmOptions` for the others."""

    address: str | None
    """Of the cluster, "auto" on one of its machines. null: a Ray started on this machine."""
    concurrency: Positive
    """Copies of the model."""
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Sequences per batch; each copy computes several batches at once."""
    bundle: dict[str, Annotated[float, msgspec.Meta(gt=0)]]
    """Resources that each of a copy's `tensor_parallel` parts takes: {GPU: 1}, on a CPU {CPU: 1}."""


Event = PipelineEvent | tuple[int, Reply] | int
"""Results or the failure of the pipeline, the reply to a prompt that was not sent, or the number of requests sent."""


class ClusterEngine:
    """An `Engine` over a pipeline of Ray Data."""

    def __init__(self, directory: Path, options: Options, logs: Path) -> None:
        """Ray must have been started, with its logs in `logs`."""
        self.identity = str(directory)
        self._codec = SequenceCodec(directory, options.max_model_len)
        copies, bundles = options.concurrency, [options.bundle] * options.tensor_parallel

        def make_dataset(feed: Any) -> Any:
            return result_dataset(feed, directory, options.arguments(), options.batch_size, copies, bundles)

        self._pipeline = Pipeline(make_dataset, options.batch_size, lambda error: cause(error, directory, logs))

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of the replies that have come back meanwhile."""
        stream = PipelineStream(self._codec, self._pipeline)
        # In a thread, as taking a prompt may block until a reply of this very stream has been passed on.
        Thread(target=stream.send, args=(prompts,), daemon=True).start()
        return stream.replies()

    def use_history(self, has_cached_replies: Callable[[], bool]) -> None:
        """Do nothing: it never ends a run for repeated failures."""

    def cancel(self) -> None:
        """Abandon the batches in flight; `answer` raises."""
        self._pipeline.fail(RuntimeError("the engine was closed"))


class PipelineStream:
    """One call of `answer`: `send` runs in a thread of its own, `replies` in the caller's."""

    def __init__(self, codec: SequenceCodec, pipeline: Pipeline) -> None:
        self._codec, self._pipeline = codec, pipeline
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._incomplete: dict[int, tuple[Prompt, list[SequenceRequest], dict[int, SequenceResult]]] = {}
        """Position of a prompt -> it, its requests, and the results so far by place among its requests."""
        self._place_of: dict[int, tuple[int, int]] = {}
        """Number of a request -> position of its prompt, place among the prompt's requests."""

    def send(self, prompts: Iterable[Prompt]) -> None:
        """Put the prompts' requests into the pipeline in batches; only the last ones are incomplete."""
        count = 0
        try:
            for batch in self._batches(prompts):
                self._pipeline.put(batch, self._events.put)
                count += len(batch)
            self._events.put(count)
        except BaseException as error:
            self._events.put(error)

    def _batches(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, SequenceRequest]]]:
        # Of one kind each: an integer that only some rows of a block have becomes a float in Ray, also in the rows that
        # have it, and vLLM's process ends without a message.
        kinds: dict[bool, list[tuple[int, SequenceRequest]]] = {True: [], False: []}
        for number, request in self._numbered(prompts):
            batch = kinds[request.params["logprobs"] is None]
            batch.append((number, request))
            if len(batch) == self._pipeline.batch_size:
                yield batch[:]
                batch.clear()
        yield from filter(None, kinds.values())

    def _numbered(self, prompts: Iterable[Prompt]) -> Iterator[tuple[int, SequenceRequest]]:
        number = 0
        for position, prompt in enumerate(prompts):
            requests = self._codec.requests(prompt)
            if isinstance(requests, Reply):
                self._events.put((position, requests))
                continue
            self._incomplete[position] = (prompt, requests, {})
            for place, request in enumerate(requests):
                self._place_of[number] = (position, place)
                yield number, request
                number += 1

    def replies(self) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of (position, reply) until every request has a result."""
        received, sent = 0, -1
        while received != sent:
            event = self._events.get()
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, int):
                sent = event
            elif isinstance(event, tuple):
                yield [event]
            else:
                received += len(event)
                if group := [*self._completed(event)]:
                    yield group

    def _completed(self, results: list[tuple[int, SequenceResult]]) -> Iterator[tuple[int, Reply]]:
        for number, result in results:
            position, place = self._place_of.pop(number)
            prompt, requests, by_place = self._incomplete[position]
            by_place[place] = result
            if len(by_place) == len(requests):
                del self._incomplete[position]
                yield position, self._codec.reply(prompt, requests, [by_place[k] for k in range(len(requests))])


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The identity that the engine vllm has: a cluster changes the speed only."""
    return vllm_identity(reference, read_options(options, Options, "ray"), "ray")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """The capabilities of vLLM with any language model; batches whose prompts have one prefix are computed faster."""
    parsed = read_options(options, Options, "ray")
    return Capabilities(
        choice_scores=True,
        choices="enforced",
        regex="enforced",
        grouping=parsed.batch_size if parsed.prefix_caching else 1,
    )


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[ClusterEngine]:
    """The engine on the model of `directory`, which every machine of the cluster must see under the same path.

    Raises UserError where Ray, vLLM, the model or the cluster is missing.
    """
    parsed = read_options(options, Options, "ray")
    require_package("ray", "", "ray")
    require_package("vllm", parsed.version, "ray")
    check(directory)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", RETRY_MESSAGE)
    import ray
    import ray.data

    # An error within Ray Data also comes out of the pipeline, which reports it once.
    _quiet(logging.CRITICAL + 1)
    logs = _start_ray(parsed)
    try:
        yield ClusterEngine(directory, parsed, logs)
    finally:
        ray.shutdown()


def _quiet(level: int) -> None:
    for name in ("ray", "ray.data", "ray.llm"):
        logging.getLogger(name).setLevel(level)


def _start_ray(options: Options) -> Path:
    """Start or join a cluster; returns the folder of its logs. Raises UserError where there is none."""
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if options.address is None:
            copies = options.concurrency * options.tensor_parallel
            cpus = int(copies * options.bundle.get("CPU", 0)) + SPARE_CPUS
            context = ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            context = ray.init(options.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"engine ray: no cluster at address {options.address!r} ({reason})") from None
    return Path(context.address_info["session_dir"], "logs")


BACKEND = Backend(identify, capabilities, open_engine)
