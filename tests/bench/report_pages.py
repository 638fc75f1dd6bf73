"""What the report costs at full size: `python -m tests.bench.report_pages [rows]`.

A project with the committed params.yaml, 52,002 rows before and after Seq-Instruct of the lengths that Table 4 of the
paper has, and 11,900 questions answered by three runs. `stages.report` runs in a process of its own: seconds, seconds
of CPU, peak memory, and the size of each page.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from stages.core import artifacts
from stages.core.records import Record, Source, Step
from stages.evaluation.benchmarks.questions import Answer, Question, Score
from stages.evaluation.benchmarks.score_statistics import summary
from tests.bench import usage

ROOT = Path(__file__).resolve().parents[2]
WORDS = [f"word{number}" for number in range(4000)]
QUESTIONS = 11_900
RUNS = ("it", "sit", "smollm2")
BEFORE, AFTER = "responded/seed/0", "responded/seed/2"
STEP = {"generator": "package:x@sha256:0", "prompt": "0" * 16, "sampling": {"temperature": 1.0, "max_tokens": 2048}}


def text(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def records(count: int, after: bool) -> Iterator[Record]:
    """Rows with 20 and 300 words before, 45 and 425 after: as many as the paper's mean tokens."""
    random = Random(int(after))
    for row in range(count):
        steps = (Step("rewrite", "suffix", "ok", 1, replies=("ab" * 32,) * 2, **STEP),) if after else ()
        made = Step("respond", "respond", "ok", int(after), replies=("cd" * 32,), **STEP)
        source = Source("path:alpaca.json", row, f"{row:064x}", "CC", "en")
        words = (45, 425) if after else (20, 300)
        yield Record(
            f"seed-{row:016x}", "seed", text(random, words[0]), "", text(random, words[1]), "", source, (*steps, made)
        )


def write(name: str, rows: Iterator[Any]) -> None:
    """An artifact with its receipt."""
    count = artifacts.write(f"data/{name}.jsonl", rows)
    receipt = artifacts.Receipt(name, artifacts.sha256(f"data/{name}.jsonl"), "x", count, {}, 1)
    artifacts.write_json(f"data/validated/{name}.json", receipt)


def answered(run: str) -> Iterator[tuple[Answer, Score]]:
    random = Random(run)
    for row in range(QUESTIONS):
        name, right = f"xquad-de-{row}", float(random.random() < 0.4)
        answer = Answer(f"{name}/0", name, run, text(random, 60), "ok", 0, "ab" * 32, "m", 200, 60, text_hash="0" * 32)
        values = {"accuracy": right, "strict": right, "following": 1.0}
        yield answer, Score(f"{name}/0", name, f"{row}", run, "de", "", 2, "ok", values)


def main(rows: int) -> None:
    for name in ("stages", "schemas"):
        Path(name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    write(BEFORE, records(rows, after=False))
    write(AFTER, records(rows, after=True))
    random = Random(1)
    questions = (
        Question(f"xquad-de-{n}", "xquad", "de", "CC", f"{n}", text(random, 150), gold=("x",), tasks=2)
        for n in range(QUESTIONS)
    )
    artifacts.write("data/ingested/benchmarks/xquad.jsonl", questions)
    for run in RUNS:
        pairs = list(answered(run))
        artifacts.write(f"data/predictions/{run}/xquad.jsonl", (answer for answer, _ in pairs))
        artifacts.write(f"data/scored/{run}/xquad.jsonl", (score for _, score in pairs))
        totals = msgspec.to_builtins(summary([score for _, score in pairs]))
        artifacts.write_json(f"data/evaluated/{run}/xquad.json", totals)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "stages.report"], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU, {used.ru_maxrss / 1024:.0f} MiB")
    for page in sorted(Path("data/report").glob("*.html")):
        print(f"{page.name}: {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    usage(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 52_002)
