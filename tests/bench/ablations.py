"""What the ablations cost at full size: `python -m tests.bench.ablations [alpaca_data.json] [tokenizer folder]`.

Tokenisation of every Alpaca row, both sides, beside a bare batch encode of the same texts with the same tokenizer; then
the matching and the budget by the lengths that were remembered, on Alpaca and on a million synthetic rows a side.
Each step is a process of its own: CPU seconds of all its threads, and its peak memory. Without a tokenizer folder one
of our own is trained.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from stages.ablations.comparisons import data_level, instance_level
from stages.ablations.row_lengths import Arm, RowLength, arm_of, count_lengths
from stages.core import artifacts
from stages.core.records import Record, user_text
from stages.corpora.read_records import Origin, read
from stages.model_files.token_lengths import counter, tokenizer
from stages.readers.formats import rows
from tests.ablations.test_real import longer
from tests.ablations.vocabulary import train
from tests.bench import usage

ALPACA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "alpaca" / "alpaca_data.json"
TIMES = 3


def alpaca(path: Path) -> list[Record]:
    """All rows."""
    found = read("alpaca", rows(str(path), artifacts.files(path)), Origin("alpaca", "path:x", "CC", "en"), {})
    return [record for record in found if isinstance(record, Record)]


def tokenise(path: Path, folder: Path) -> None:
    """`measured` as the stage runs it, and the bare encode, turn about; the median of the ratios."""
    records = alpaca(path)
    texts = [user_text(record) for record in records] + [record.response for record in records]
    bare, count = tokenizer(folder, literal=True), counter(folder)
    bare.encode_batch_fast(texts[:1000], add_special_tokens=False)
    ratios, seconds = [], []
    for _ in range(TIMES):
        started = time.process_time()
        bare.encode_batch_fast(texts, add_special_tokens=False)
        between = time.process_time()
        lengths = list(count_lengths(records, count))
        ended = time.process_time()
        ratios.append((ended - between) / (between - started))
        seconds.append(ended - between)
    tokens = sum(row.input + row.output for row in lengths)
    told = f"{tokens / statistics.median(seconds) / 1e6:.2f}M tokens/s, {statistics.median(ratios):.2f} x a bare encode"
    say("tokenise", statistics.median(seconds), f"{len(lengths)} rows, {tokens} tokens, {told}")


def remember(path: Path, folder: Path) -> None:
    """Both arms' lengths as the stage writes them."""
    count = counter(folder)
    it = alpaca(path)
    artifacts.write(folder / "it.jsonl", count_lengths(it, count))
    artifacts.write(folder / "sit.jsonl", count_lengths(map(longer, it), count))


def arms(folder: Path) -> dict[str, Arm]:
    """Both arms from disk, the longer one first."""
    return {name: arm_of(artifacts.read(folder / f"{name}.jsonl", RowLength), "output") for name in ("sit", "it")}


def matching(path: Path, folder: Path) -> None:
    """Instance level on Alpaca's rows; what is read from disk is timed as well."""
    started = time.process_time()
    found = arms(folder)
    read_in = time.process_time()
    drawn = instance_level(found, 1, 0)
    ended = time.process_time()
    proof = drawn.statistics["matching"]
    told = f"{proof['pairs']} pairs, no matching has more than {proof['no_matching_has_more_than']}"
    say("pairs", ended - read_in, f"{told}; page and proof included; reading the lengths {read_in - started:.2f} s")


def drawing(path: Path, folder: Path) -> None:
    """Data level on Alpaca's rows."""
    found = arms(folder)
    started = time.process_time()
    drawn = data_level(found, 1)
    difference = drawn.statistics["tokens_difference"]
    say("budget", time.process_time() - started, f"{len(drawn.rows['sit'])} rows, totals {difference} tokens apart")


def synthetic(name: str, mean: float, number: int = 1_000_000) -> Arm:
    """Lengths as spread as Table 4's."""
    draw = Random(name)
    return Arm([f"{name}-{n:016x}" for n in range(number)], [int(draw.expovariate(1 / mean)) for _ in range(number)])


def million(path: Path, folder: Path) -> None:
    """Instance level on a million rows a side, exact and within 2 tokens."""
    sets = {"sit": synthetic("sit", 375.0), "it": synthetic("it", 265.0)}
    for tolerance in (0, 2):
        started = time.process_time()
        found = instance_level(sets, 1, tolerance).statistics["matching"]
        say(f"million {tolerance}", time.process_time() - started, f"{found['pairs']} pairs of 1,000,000")


def say(name: str, seconds: float, told: str) -> None:
    """One line."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:10} {seconds:8.2f} s CPU {peak:6.0f} MiB peak   {told}", flush=True)


STEPS = {"tokenise": tokenise, "remember": remember, "pairs": matching, "budget": drawing, "million": million}


def main(path: Path, tokenizer_of: Path | None) -> None:
    """Every step in a process of its own, in a folder of their own: the lengths lie beside a copy of the tokenizer."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if tokenizer_of:
            shutil.copy(tokenizer_of / "tokenizer.json", folder)
        else:
            train(folder, [record.response for record in alpaca(path)[:20_000]], vocabulary=32_000)
        for name in STEPS:
            subprocess.run([sys.executable, "-m", "tests.bench.ablations", name, str(path), str(folder)], check=True)
    print(f"load {', '.join(f'{load:.1f}' for load in os.getloadavg())} on {os.cpu_count()} cores")


def arguments() -> tuple[Path, Path | None]:
    """Alpaca's file, and the folder of a tokenizer if one is named."""
    file, folder = [*sys.argv[1:3], *[""] * 2][:2]
    return Path(file or ALPACA), Path(folder) if folder else None


if __name__ == "__main__":
    usage(__doc__)
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        STEPS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*arguments())
