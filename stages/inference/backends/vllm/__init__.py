"""vLLM in this process, without a server: the fastest way to a model that fits the GPUs of one machine.

A chunk of prompts is computed at a time and stored when it is done. The same chunk gives the same replies in any
process, up to what prefix caching and other hardware change in the last digits. With `data_parallel`, that many copies
of the model answer a share of each chunk, each in a process and on GPUs of its own.

vLLM is no part of the default environment: `make test-engines` makes one for a CPU (.venv-engines).
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
from stages.inference.backends.vllm.vllm_tokens import EAGER, Made, Piece, Positive, Sequences, Settings, identity
from stages.inference.batches import Batches
from stages.inference.engine_interface import Local
from stages.inference.options import checked
from stages.inference.requirements import demand
from stages.model_files.integrity import check
from stages.reply_store.identity import Identity, Reference

KEPT = "replies received so far are kept, run again to go on"
QUIET = {
    # Where the engine's loop runs in a process of its own, it starts on the first prompts before the last are there,
    # and the batches, so the last digits, depend on the clock.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}


Result = TypeVar("Result")


class Options(Settings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The engine's options in params.yaml; see `Settings` for the others."""

    chunk: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Prompts handed over together: large, as towards its end less and less is computed at once."""
    data_parallel: Positive
    """Copies of the model."""


class Replica:
    """One copy of the model."""

    def __init__(self, directory: str, arguments: dict[str, Any]) -> None:
        """Loads it. Raises UserError for one that vLLM can't run."""
        for name, value in (QUIET | (EAGER if arguments["enforce_eager"] else {})).items():
            os.environ.setdefault(name, value)
        import vllm
        from vllm import exceptions

        self._refused = (ValueError, getattr(exceptions, "VLLMClientError", ValueError))
        try:
            self._llm = vllm.LLM(model=directory, **arguments)
        except Exception as error:  # whatever a model's own code trips over, an assertion as well as a missing key
            raise UserError(f"{directory}: vLLM can't run it ({' '.join(str(error).split())[:300]})") from None

    def make(self, pieces: list[Piece]) -> list[Made]:
        """What becomes of each piece; one that vLLM refuses takes no other along."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        def params(said: dict[str, Any]) -> SamplingParams:
            shape = said["structured_outputs"]
            return SamplingParams(**said | {"structured_outputs": StructuredOutputsParams(**shape) if shape else None})

        try:
            asked = [{"prompt_token_ids": piece.ids} for piece in pieces]
            made = self._llm.generate(asked, [params(piece.params) for piece in pieces], use_tqdm=False)
        except self._refused as error:
            # Told before anything is computed, for the first at fault.
            half = len(pieces) // 2
            return [*self.make(pieces[:half]), *self.make(pieces[half:])] if half else [Made([], error=str(error))]
        except RuntimeError as error:
            raise UserError(f"engine vllm: {' '.join(str(error).split())[:300]}; {KEPT}") from None
        return [_made(one.outputs[0]) for one in made]


def _made(output: Any) -> Made:
    ids = list(output.token_ids)
    return Made(ids, output.logprobs[0][ids[0]].logprob if output.logprobs else 0.0)


class Offline(Local):
    """One model, in one copy or several."""

    def __init__(self, directory: Path, options: Options, make: Callable[[list[Piece]], list[Made]]) -> None:
        """`make` computes pieces, same order and number."""
        self.identity = str(directory)
        self._sequences = Sequences(directory, options.max_model_len)
        self._make = make
        self._batches = Batches(options.chunk, self._replies)

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """One group of (position, reply) a chunk."""
        return self._batches.answer(prompts)

    def _replies(self, prompts: list[Prompt]) -> list[Reply]:
        # Those that begin alike one after another: what prefix caching keeps of a beginning is still there. Within a
        # chunk, so that the order depends on nothing else.
        order = sorted(range(len(prompts)), key=lambda place: prompts[place].prefix)
        asked = {place: self._sequences.pieces(prompts[place]) for place in order}
        made = iter(self._make([piece for pieces in asked.values() if isinstance(pieces, list) for piece in pieces]))
        replies = {
            place: pieces if isinstance(pieces, Reply)
            else self._sequences.reply(prompts[place], pieces, [next(made) for _ in pieces])
            for place, pieces in asked.items()
        }  # fmt: skip
        return [replies[place] for place in range(len(prompts))]


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity, vLLM's version, the precision and the context; the rest changes the last digits only."""
    return identity(reference, checked(options, Options, "vllm"), "vllm")


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """What vLLM can do with any model of text."""
    return Capabilities(choice_scores=True, choices="enforced", regex="enforced")


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator[Offline]:
    """The engine on the model of `directory`. Raises UserError where vLLM or the model is missing or can't be run."""
    found = checked(options, Options, "vllm")
    demand("vllm", found.version, "vllm")
    check(directory)
    with ExitStack() as stack:
        if found.data_parallel == 1:
            make = Replica(str(directory), found.arguments()).make
        else:
            make = _Shares(str(directory), found, stack).make
        yield Offline(directory, found, make)


# ---------------------------------------------------------------- several copies, each in a process of its own


class _Shares:
    def __init__(self, directory: str, options: Options, stack: ExitStack) -> None:
        from multiprocessing import get_context

        gpus = devices(options.data_parallel, options.tensor_parallel)
        # A process that was forked could not use a GPU.
        self._pools = [stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for _ in gpus]
        _results([
            pool.submit(_load, directory, options.arguments(), some)
            for pool, some in zip(self._pools, gpus, strict=True)
        ])  # fmt: skip

    def make(self, pieces: list[Piece]) -> list[Made]:
        # Dealt like cards: neighbours are alike in length, and each copy shall have as much to do.
        count = len(self._pools)
        made: list[Made] = [Made([])] * len(pieces)
        hands = [pool.submit(_make, pieces[place::count]) for place, pool in enumerate(self._pools)]
        for place, hand in enumerate(_results(hands)):
            made[place::count] = hand
        return made


def _results(futures: "Sequence[Future[Result]]") -> list[Result]:
    try:
        return [future.result() for future in futures]
    except BrokenProcessPool:
        raise UserError(f"engine vllm: a copy of the model ended, perhaps for want of memory; {KEPT}") from None


def devices(copies: int, each: int) -> list[str | None]:
    """CUDA_VISIBLE_DEVICES of each copy, None where there are no GPUs. Raises UserError where there are too few."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    every: Sequence[str] = named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
    return shared_out(every, copies, each)


def shared_out(every: Sequence[str], copies: int, each: int) -> list[str | None]:
    """`each` of the devices for each of the copies; None for all where there is none. Raises UserError for too few."""
    if not every:
        return [None] * copies
    if len(every) < copies * each:
        raise UserError(
            f"params.yaml: engine vllm: {len(every)} GPUs, but data_parallel {copies} x tensor_parallel {each}"
        )
    return [",".join(every[place * each : (place + 1) * each]) for place in range(copies)]


_replica: list[Replica] = []


def _load(directory: str, arguments: dict[str, Any], gpus: str | None) -> None:
    if gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus
    _replica.append(Replica(directory, arguments))


def _make(pieces: list[Piece]) -> list[Made]:
    return _replica[0].make(pieces)
