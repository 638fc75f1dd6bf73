"""One pipeline of Ray Data that runs as long as the engine is open, so that a model is loaded once.

Ray Data takes a complete dataset. This one consists of batch numbers: a task that gets one waits for the next batch.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.inference.vllm_sequences import EAGER, SequenceRequest, SequenceResult

MAX_BATCHES = 2000
"""Batches in one pipeline; then another one is started, and the model loaded again."""
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
RESUME = "replies received so far are kept, run again to go on"

_EXCEPTION = re.compile(r" ERROR [^\]\n]*\] (\w+(?:Error|Exception): .*)")
"""An exception in vLLM's log; the first one is the cause of the others."""

PipelineEvent = list[tuple[int, SequenceResult]] | BaseException
"""Results by the numbers of their requests; or the exception that ended the pipeline."""
Notify = Callable[[PipelineEvent], None]


class Pipeline:
    """Takes batches and passes on their results; several calls may share it."""

    def __init__(
        self, make_dataset: Callable[[Any], Any], batch_size: int, describe: Callable[[BaseException], str] = str
    ) -> None:
        """`make_dataset`: the dataset of a feed, called at the first batch. `describe`: an exception as a message."""
        self.batch_size, self._describe = batch_size, describe
        self._make_dataset = make_dataset
        self._lock = Lock()
        self._pending: dict[int, tuple[Notify, int]] = {}
        self._count = self._remaining_batches = 0
        self._feed: Any = None
        self._failure: BaseException | None = None

    def put(self, batch: list[tuple[int, SequenceRequest]], notify: Notify) -> None:
        """Compute up to `batch_size` of (number, request), of one kind. Raises what ended the pipeline."""
        import ray

        with self._lock:
            if self._failure:
                raise self._failure
            if self._remaining_batches == 0:
                self._start()
            self._remaining_batches -= 1
            rows = [self._row(number, request, notify) for number, request in batch]
            feed = self._feed
        # An incomplete batch would wait for the next one, so it is filled up with requests for one token.
        last = batch[-1][1]
        filler = SequenceRequest(last.ids[:1], last.params | {"max_tokens": 1})
        rows += [(-1, json.dumps(filler._asdict()))] * (self.batch_size - len(rows))
        ray.get(feed.put.remote(rows))

    def fail(self, error: BaseException) -> None:
        """End the pipeline: every call gets the exception."""
        with self._lock:
            message = " ".join(self._describe(error).split())[:400]
            self._failure = self._failure or UserError(f"engine ray: {message}; {RESUME}")
            for notify, _ in self._pending.values():
                notify(self._failure)
            self._pending.clear()

    def _row(self, number: int, request: SequenceRequest, notify: Notify) -> tuple[int, str]:
        self._count += 1
        self._pending[self._count] = (notify, number)
        return self._count, json.dumps(request._asdict())

    def _start(self) -> None:
        self._remaining_batches, self._feed = MAX_BATCHES, _start_feed()
        Thread(target=self._consume, args=(self._make_dataset(self._feed),), daemon=True).start()

    def _consume(self, results: Any) -> None:
        try:
            # No prefetching: a block would wait for the next one, which may depend on it.
            for block in results.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
                self._pass_on(block.to_pylist())
        except BaseException as error:
            self.fail(error)

    def _pass_on(self, rows: list[dict[str, Any]]) -> None:
        by_call: dict[Notify, list[tuple[int, SequenceResult]]] = {}
        with self._lock:
            for row in rows:
                if row["key"] in self._pending:
                    notify, number = self._pending.pop(row["key"])
                    by_call.setdefault(notify, []).append((number, result_of(row)))
        for notify, results in by_call.items():
            notify(results)


def cause(error: BaseException, directory: Path, logs: Path) -> str:
    """The cause of a pipeline's end: the last line of Ray's traceback, or the exception in the log of vLLM's worker.

    logs: Ray's folder of logs on this machine; workers on other machines have their own.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    if "creation task" not in str(error):
        return last
    logged = (
        exception
        for path in sorted(logs.glob("worker-*.out"))
        for exception in _EXCEPTION.findall(artifacts.read_text(path))
    )
    return f"{directory}: vLLM can't run it ({next(logged, f'{last}; see the worker logs in {logs} on its machine')})"


def result_of(row: dict[str, Any]) -> SequenceResult:
    """The result in a row of `result_dataset`."""
    if error := row.get("__inference_error__"):
        return SequenceResult([], error=str(error))
    return SequenceResult(list(row["ids"]), float(row["score"]))


def _start_feed() -> Any:
    """An actor that hands out batches in the order in which they were put."""
    import ray

    class Feed:
        def __init__(self) -> None:
            import asyncio

            self.batches: asyncio.Queue[Any] = asyncio.Queue()

        async def put(self, batch: Any) -> None:
            await self.batches.put(batch)

        async def take(self) -> Any:
            return await self.batches.get()

    actor: Any = ray.remote(num_cpus=0)(Feed)
    return actor.remote()


# Functions that a cluster runs are nested, so that they are pickled by value: its machines need no seqit.


def result_dataset(
    feed: Any, directory: Path, arguments: dict[str, Any], size: int, copies: int, bundles: list[dict[str, float]]
) -> Any:
    """Rows {key, ids, score}, with __inference_error__ where a row could not be computed.

    `copies` of the model compute batches of `size`; `bundles`: the resources of the cluster that each part of a copy
    takes. `arguments`: vLLM's.
    """
    import ray
    from ray.data import DataContext
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    DataContext.get_current().enable_progress_bars = False
    variables = ENVIRONMENT | (EAGER if arguments["enforce_eager"] else {})
    config = vLLMEngineProcessorConfig(
        model_source=str(directory.absolute()), engine_kwargs=arguments, batch_size=size, concurrency=(copies, copies),
        placement_group_config={"bundles": bundles}, runtime_env={"env_vars": variables},
        chat_template_stage=False, tokenize_stage=False, detokenize_stage=False, prepare_multimodal_stage=False,
        should_continue_on_error=True, log_engine_metrics=False,
    )  # fmt: skip
    process = build_processor(config, preprocess=_to_vllm(), postprocess=_from_vllm())
    batches = ray.data.from_items(list(range(MAX_BATCHES)), override_num_blocks=MAX_BATCHES)
    return process(batches.map_batches(_take(feed), batch_size=None, num_cpus=0, concurrency=1))


def _take(feed: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def take(numbers: dict[str, Any]) -> dict[str, Any]:
        import ray

        rows = [row for _ in numbers["item"] for row in ray.get(feed.take.remote())]
        return {"key": [key for key, _ in rows], "request": [request for _, request in rows]}

    return take


def _to_vllm() -> Callable[[dict[str, Any]], dict[str, Any]]:
    def request(row: dict[str, Any]) -> dict[str, Any]:
        import json

        fields = json.loads(row["request"])
        return {"tokenized_prompt": fields["ids"], "sampling_params": fields["params"]}

    return request


def _from_vllm() -> Callable[[dict[str, Any]], dict[str, Any]]:
    def result(row: dict[str, Any]) -> dict[str, Any]:
        ids = [int(token) for token in row["generated_tokens"]]
        logprobs = row.get("logprobs")
        first = dict(logprobs[0]) if logprobs is not None and len(logprobs) else {}
        scores = [entry["logprob"] for token, entry in first.items() if int(token) == ids[0] and entry]
        return {"key": row["key"], "ids": ids, "score": float(scores[0]) if scores else 0.0}

    return result
