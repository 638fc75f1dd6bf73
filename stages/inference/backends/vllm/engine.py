"""The engine `vllm`: vLLM in this process, without a server, for a model that fits the GPUs of one machine.

One chunk of prompts is computed at a time and stored when it is complete. The same chunk gives the same replies in any
process, but for the last digits, which depend on prefix caching and hardware. With `data_parallel`, that many copies of
the model compute a share of each chunk, each in a process and on GPUs of its own.

vLLM is not part of the default environment: `make test-engines` makes one for a CPU (.venv-engines).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from stages.core.completions import Capabilities, Prompt, Reply
from stages.core.errors import UserError
from stages.inference.engine_interface import Backend, read_options
from stages.inference.local_engine import Batches, LocalEngine, require_package
from stages.inference.vllm_sequences import (
    EAGER,
    Positive,
    SequenceCodec,
    SequenceRequest,
    SequenceResult,
    VllmOptions,
    vllm_identity,
)
from stages.model_files.integrity import check
from stages.reply_store.identity import Identity, Reference

RESUME = "replies received so far are kept, run again to go on"
ENVIRONMENT = {
    # If the engine's loop ran in a process of its own, it would start on the first prompts before the last arrive, and
    # the batches, so the last digits, would depend on timing.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}


Result = TypeVar("Result")


class Options(VllmOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The engine's options in params.yaml; see `VllmOptions` for the others."""

    chunk: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Prompts computed together: best large, as fewer and fewer sequences run towards the end of a chunk."""
    data_parallel: Positive
    """Copies of the model."""


class Replica:
    """One copy of the model."""

    def __init__(self, directory: str, arguments: dict[str, Any]) -> None:
        """Loads it. Raises UserError for one that vLLM can't run."""
        for name, value in (ENVIRONMENT | (EAGER if arguments["enforce_eager"] else {})).items():
            os.environ.setdefault(name, value)
        import vllm
        from vllm import exceptions

        self._refused = (ValueError, getattr(exceptions, "VLLMClientError", ValueError))
        try:
            self._llm = vllm.LLM(model=directory, **arguments)
        except Exception as error:  # whatever a model's own code trips over, an assertion as well as a missing key
            raise UserError(f"{directory}: vLLM can't run it ({' '.join(str(error).split())[:300]})") from None

    def compute(self, requests: list[SequenceRequest]) -> list[SequenceResult]:
        """The result of each request; one that vLLM refuses has an error and does not affect the others."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        def sampling(params: dict[str, Any]) -> SamplingParams:
            shape = params["structured_outputs"]
            structured = StructuredOutputsParams(**shape) if shape else None
            return SamplingParams(**params | {"structured_outputs": structured})

        try:
            prompts = [{"prompt_token_ids": request.ids} for request in requests]
            outputs = self._llm.generate(prompts, [sampling(one.params) for one in requests], use_tqdm=False)
        except self._refused as error:
            # Raised before anything is computed, for the first faulty request: bisect.
            half = len(requests) // 2
            if not half:
                return [SequenceResult([], error=str(error))]
            return [*self.compute(requests[:half]), *self.compute(requests[half:])]
        except RuntimeError as error:
            raise UserError(f"engine vllm: {' '.join(str(error).split())[:300]}; {RESUME}") from None
        return [_result(output.outputs[0]) for output in outputs]


def _result(output: Any) -> SequenceResult:
    ids = list(output.token_ids)
    return SequenceResult(ids, output.logprobs[0][ids[0]].logprob if output.logprobs else 0.0)


class OfflineEngine(LocalEngine):
    """An engine with one model, in one copy or several."""

    def __init__(
        self, directory: Path, options: Options, compute: Callable[[list[SequenceRequest]], list[SequenceResult]]
    ) -> None:
        """`compute`: the results of requests, same order and number."""
        self.identity = str(directory)
        self._codec = SequenceCodec(directory, options.max_model_len)
        self._compute = compute
        self._batches = Batches(options.chunk, self._replies)

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) per chunk."""
        return self._batches.answer(prompts)

    def _replies(self, prompts: list[Prompt]) -> list[Reply]:
        # Prompts with one prefix in a row, so that it is still in the prefix cache. Within a chunk, so that the order
        # depends on nothing else.
        order = sorted(range(len(prompts)), key=lambda place: prompts[place].prefix)
        requests = {place: self._codec.requests(prompts[place]) for place in order}
        results = iter(self._compute([one for some in requests.values() if isinstance(some, list) for one in some]))
        replies = {
            place: some if isinstance(some, Reply)
            else self._codec.reply(prompts[place], some, [next(results) for _ in some])
            for place, some in requests.items()
        }  # fmt: skip
        return [replies[place] for place in range(len(prompts))]


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity, vLLM's version, the precision and the context; the rest changes the last digits only."""
    return vllm_identity(reference, read_options(options, Options, "vllm"), "vllm")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """The capabilities of vLLM with any language model."""
    return Capabilities(choice_scores=True, choices="enforced", regex="enforced")


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[OfflineEngine]:
    """The engine on the model of `directory`. Raises UserError where vLLM or the model is missing or can't be run."""
    parsed = read_options(options, Options, "vllm")
    require_package("vllm", parsed.version, "vllm")
    check(directory)
    with ExitStack() as stack:
        if parsed.data_parallel == 1:
            compute = Replica(str(directory), parsed.arguments()).compute
        else:
            compute = _DataParallel(str(directory), parsed, stack).compute
        yield OfflineEngine(directory, parsed, compute)


# ---------------------------------------------------------------- several copies, each in a process of its own


class _DataParallel:
    """Several copies of the model, each in a worker process."""

    def __init__(self, directory: str, options: Options, stack: ExitStack) -> None:
        from multiprocessing import get_context

        gpus = devices(options.data_parallel, options.tensor_parallel)
        # A forked process could not use a GPU.
        self._pools = [stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for _ in gpus]
        _results([
            pool.submit(_load, directory, options.arguments(), some)
            for pool, some in zip(self._pools, gpus, strict=True)
        ])  # fmt: skip

    def compute(self, requests: list[SequenceRequest]) -> list[SequenceResult]:
        # Round robin: neighbours are alike in length, and the copies get equal shares.
        count = len(self._pools)
        results: list[SequenceResult] = [SequenceResult([])] * len(requests)
        shares = [pool.submit(_compute, requests[place::count]) for place, pool in enumerate(self._pools)]
        for place, share in enumerate(_results(shares)):
            results[place::count] = share
        return results


def _results(futures: "Sequence[Future[Result]]") -> list[Result]:
    try:
        return [future.result() for future in futures]
    except BrokenProcessPool:
        raise UserError(f"engine vllm: a copy of the model ended, perhaps for want of memory; {RESUME}") from None


def devices(copies: int, each: int) -> list[str | None]:
    """CUDA_VISIBLE_DEVICES of each copy, None where there are no GPUs. Raises UserError where there are too few."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus: Sequence[str] = (
        visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]
    )
    return split_devices(gpus, copies, each)


def split_devices(gpus: Sequence[str], copies: int, each: int) -> list[str | None]:
    """`each` GPUs for each copy, None for every copy where there are no GPUs. Raises UserError for too few."""
    if not gpus:
        return [None] * copies
    if len(gpus) < copies * each:
        raise UserError(
            f"params.yaml: engine vllm: {len(gpus)} GPUs, but data_parallel {copies} x tensor_parallel {each}"
        )
    return [",".join(gpus[place * each : (place + 1) * each]) for place in range(copies)]


_replica: list[Replica] = []


def _load(directory: str, arguments: dict[str, Any], gpus: str | None) -> None:
    if gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus
    _replica.append(Replica(directory, arguments))


def _compute(requests: list[SequenceRequest]) -> list[SequenceResult]:
    return _replica[0].compute(requests)


BACKEND = Backend(identify, capabilities, open_engine)
