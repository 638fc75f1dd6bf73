"""One pipeline of Ray Data that runs as long as it is wanted, so that a model is loaded once.

Ray Data takes a dataset that is there. Ours is a row of tickets: a task that holds one waits for the next batch.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from stages.core import artifacts
from stages.core.errors import UserError
from stages.inference.backends.vllm.vllm_tokens import EAGER, Made, Piece

TICKETS = 2000
"""Batches that a pipeline can carry; then another is made, and the model loaded again."""
QUIET = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
KEPT = "replies received so far are kept, run again to go on"

_LOGGED = re.compile(r" ERROR [^\]\n]*\] (\w+(?:Error|Exception): .*)")
"""An exception in vLLM's log; the first is the one that the others come from."""

Result = list[tuple[int, Made]] | BaseException
"""What becomes of pieces, by the numbers they were handed over with; or what has ended it all."""
Tell = Callable[[Result], None]


class Pipeline:
    """Batches in, outcomes out; several streams may share it."""

    def __init__(self, make: Callable[[Any], Any], batch_size: int, why: Callable[[BaseException], str] = str) -> None:
        """`make` gives the dataset of a feed; it is called at the first batch. `why`: an end it came to, for people."""
        self.batch_size, self._why = batch_size, why
        self._make = make
        self._lock = Lock()
        self._routes: dict[int, tuple[Tell, int]] = {}
        self._count = self._tickets = 0
        self._feed: Any = None
        self._failure: BaseException | None = None

    def put(self, batch: list[tuple[int, Piece]], tell: Tell) -> None:
        """Compute up to `batch_size` of (number, piece), of one kind. Raises what has ended it all."""
        import ray

        with self._lock:
            if self._failure:
                raise self._failure
            if self._tickets == 0:
                self._start()
            self._tickets -= 1
            rows = [self._row(number, piece, tell) for number, piece in batch]
            feed = self._feed
        # A batch that is not whole would wait for the next one, so it is filled up with what costs next to nothing.
        filler = batch[-1][1]
        filler = Piece(filler.ids[:1], filler.params | {"max_tokens": 1})
        rows += [(-1, json.dumps(filler._asdict()))] * (self.batch_size - len(rows))
        ray.get(feed.put.remote(rows))

    def fail(self, error: BaseException) -> None:
        """End it all: every stream is told."""
        with self._lock:
            told = " ".join(self._why(error).split())[:400]
            self._failure = self._failure or UserError(f"engine ray: {told}; {KEPT}")
            for tell, _ in self._routes.values():
                tell(self._failure)
            self._routes.clear()

    def _row(self, number: int, piece: Piece, tell: Tell) -> tuple[int, str]:
        self._count += 1
        self._routes[self._count] = (tell, number)
        return self._count, json.dumps(piece._asdict())

    def _start(self) -> None:
        self._tickets, self._feed = TICKETS, _feed()
        Thread(target=self._consume, args=(self._make(self._feed),), daemon=True).start()

    def _consume(self, outcomes: Any) -> None:
        try:
            # Nothing fetched ahead: a block would wait for the next one, which may depend on it.
            for block in outcomes.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
                self._tell(block.to_pylist())
        except BaseException as error:
            self.fail(error)

    def _tell(self, rows: list[dict[str, Any]]) -> None:
        told: dict[Tell, list[tuple[int, Made]]] = {}
        with self._lock:
            for row in rows:
                if row["key"] in self._routes:
                    tell, number = self._routes.pop(row["key"])
                    told.setdefault(tell, []).append((number, made(row)))
        for tell, outcomes in told.items():
            tell(outcomes)


def cause(error: BaseException, directory: Path, logs: Path) -> str:
    """What has ended a pipeline: Ray tells it at the end of a traceback, vLLM in the log of the worker that ran it.

    logs: of Ray on this machine; what another one logged is there.
    """
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = said[-1] if said else type(error).__name__
    if "creation task" not in str(error):
        return last
    logged = (
        found for path in sorted(logs.glob("worker-*.out")) for found in _LOGGED.findall(artifacts.read_text(path))
    )
    return f"{directory}: vLLM can't run it ({next(logged, f'{last}; see the worker logs in {logs} on its machine')})"


def made(row: dict[str, Any]) -> Made:
    """An outcome from a row of `dataset`."""
    if error := row.get("__inference_error__"):
        return Made([], error=str(error))
    return Made(list(row["ids"]), float(row["score"]))


def _feed() -> Any:
    """An actor that hands out batches in the order they came."""
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


# Functions that a cluster runs are nested, so that they travel by value: its machines need vLLM and Ray, not seqit.


def dataset(
    feed: Any, directory: Path, arguments: dict[str, Any], size: int, copies: int, bundles: list[dict[str, float]]
) -> Any:
    """Outcomes {key, ids, score}, or __inference_error__ where a row could not be computed.

    `copies` of the model answer batches of `size`; `bundles` are what the parts of a copy take of the cluster, and
    `arguments` are vLLM's.
    """
    import ray
    from ray.data import DataContext
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    DataContext.get_current().enable_progress_bars = False
    variables = QUIET | (EAGER if arguments["enforce_eager"] else {})
    config = vLLMEngineProcessorConfig(
        model_source=str(directory.absolute()), engine_kwargs=arguments, batch_size=size, concurrency=(copies, copies),
        placement_group_config={"bundles": bundles}, runtime_env={"env_vars": variables},
        chat_template_stage=False, tokenize_stage=False, detokenize_stage=False, prepare_multimodal_stage=False,
        should_continue_on_error=True, log_engine_metrics=False,
    )  # fmt: skip
    process = build_processor(config, preprocess=_request(), postprocess=_outcome())
    tickets = ray.data.from_items(list(range(TICKETS)), override_num_blocks=TICKETS)
    return process(tickets.map_batches(_take(feed), batch_size=None, num_cpus=0, concurrency=1))


def _take(feed: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def take(tickets: dict[str, Any]) -> dict[str, Any]:
        import ray

        rows = [row for _ in tickets["item"] for row in ray.get(feed.take.remote())]
        return {"key": [key for key, _ in rows], "request": [request for _, request in rows]}

    return take


def _request() -> Callable[[dict[str, Any]], dict[str, Any]]:
    def request(row: dict[str, Any]) -> dict[str, Any]:
        import json

        said = json.loads(row["request"])
        return {"tokenized_prompt": said["ids"], "sampling_params": said["params"]}

    return request


def _outcome() -> Callable[[dict[str, Any]], dict[str, Any]]:
    def outcome(row: dict[str, Any]) -> dict[str, Any]:
        ids = [int(token) for token in row["generated_tokens"]]
        known = row.get("logprobs")
        first = dict(known[0]) if known is not None and len(known) else {}
        scores = [entry["logprob"] for token, entry in first.items() if int(token) == ids[0] and entry]
        return {"key": row["key"], "ids": ids, "score": float(scores[0]) if scores else 0.0}

    return outcome
