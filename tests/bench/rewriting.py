"""A round of Seq-Instruct over a million rows: `python -m tests.bench.rewriting [rows] [folder]`.

Rows of our own, as long as Stanford Alpaca's on average, go through the door `rewrite` with the paper's prompts and the
scripted engine: once to fill the reply store (kept in the folder, if one is named), and once with every reply
remembered, as after a kill -9 in the last row. Prints wall seconds, CPU seconds and peak memory of the
door's process, and whether both passes wrote the same bytes.
"""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stages.core import artifacts
from stages.core.records import Record, Source, digest
from tests.bench import usage
from tests.bench.corpus import workplace
from tests.bench.processes import run_stage

WORDS = [
    "river", "stone", "paper", "light", "garden", "music", "winter", "bread", "letter", "window", "copper", "island",
    "market", "silver", "forest", "engine", "morning", "question", "animal", "country", "number", "history", "careful",
    "short", "describe", "explain", "compare", "list", "write",
]  # fmt: skip
SHAPE = (13, 4, 45)
"""Words of an instruction, an input, a response."""


def rows(count: int) -> Iterator[Record]:
    """All different, and the same in every run."""
    rng = random.Random(1)
    for number in range(count):
        asked, given, said = (" ".join(rng.choices(WORDS, k=length)) for length in SHAPE)
        source = Source("path:made", number, digest(number), "CC0-1.0", "en")
        yield Record(f"alpaca-{digest(number, 16)}", "alpaca", f"{asked} {number}.", given, said, "", source)


def prepare(folder: Path, count: int) -> None:
    """What the door reads: params.yaml, the rows, their receipt."""
    workplace(folder, folder, None, rounds=1)
    path = folder / "data/decontaminated/alpaca.jsonl"
    artifacts.write(path, rows(count))
    receipt = artifacts.Receipt("decontaminated/alpaca", artifacts.sha256(path), "decontaminated", count, {}, 1)
    artifacts.write_json(folder / "data/validated/decontaminated/alpaca.json", receipt)


def main(count: int, folder: Path) -> None:
    """Prepare, then run twice."""
    if not (folder / "params.yaml").exists():
        prepare(folder, count)
    made = folder / "data/rewritten/alpaca/1.jsonl"
    hashes = [artifacts.sha256(made)] if made.exists() else []
    for title in ["remembered"] if hashes else ["asked", "remembered"]:
        load = os.getloadavg()[0]
        wall, cpu, peak = run_stage("rewrite alpaca", folder)
        hashes.append(artifacts.sha256(made))
        print(f"{title:10} {wall:8.1f} s wall {cpu:8.1f} s CPU {peak:6.0f} MiB peak; load {load:.1f}", flush=True)
    size = (folder / "replies.sqlite").stat().st_size / 2**20
    print(f"{count} rows; the store has {size:.0f} MiB; the same bytes: {len(set(hashes)) == 1}")


if __name__ == "__main__":
    usage(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        main(int((sys.argv[1:] or ["1000000"])[0]), Path((sys.argv[2:] or [temporary])[0]).resolve())
