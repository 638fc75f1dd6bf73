"""Validation of a large artifact: `python -m tests.bench.expectations [shared] [rows ...]`.

Each size in a process of its own: Alpaca's rows as ingested (repeated under other ids where more are wanted) against
schemas/ingested.json. Seconds and memory are told after the imports, which are the same at any size.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import msgspec

from stages.core import artifacts
from stages.core.records import Record
from stages.corpora.read_records import Origin, read
from stages.readers.formats import rows
from stages.validation.lazy_import import great_expectations
from stages.validation.row_validation import validate_rows
from stages.validation.suites import Suite
from tests.bench import usage

ROOT = Path(__file__).resolve().parents[2]
SIZES = ("100000", "1000000")


def write(path: Path, shared: Path, count: int) -> None:
    """`count` rows of about 600 bytes."""
    source = shared / "data/alpaca/alpaca_data.json"
    origin = Origin("alpaca", "path:alpaca", "CC-BY-NC-4.0", "en")
    found = [r for r in read("alpaca", rows(str(source), artifacts.files(source)), origin, {}) if isinstance(r, Record)]
    turns = count // len(found) + 1
    copies = (msgspec.structs.replace(r, id=f"{r.id}-{turn}") for turn in range(turns) for r in found)
    artifacts.write(path, islice(copies, count))


def peak() -> float:
    """Of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(path: Path) -> None:
    """Print one line."""
    import pandas  # noqa: F401 - imported before the clock starts
    import polars  # noqa: F401

    great_expectations()
    before, started, used = peak(), time.perf_counter(), time.process_time()
    suite = artifacts.read_json(ROOT / "schemas/ingested.json", Suite)
    result = validate_rows(artifacts.lines(path), suite, str(path), "schemas/ingested.json", 0.01)
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    print(f"{result.rows:9,} rows {path.stat().st_size / 1e6:7.0f} MB {wall:7.2f} s wall {cpu:7.2f} s CPU "
          f"{peak() - before:6.0f} MiB more, {peak():6.0f} MiB in all, {len(result.quarantined)} aside")  # fmt: skip


def main(words: list[str]) -> None:
    """Print a line a size."""
    if words[:1] == ["judge"]:
        return measure(Path(words[1]))
    shared = Path(words[0] if words else ROOT.parent / "shared")
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for size in words[1:] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            write(path, shared, int(size))
            subprocess.run([sys.executable, "-m", "tests.bench.expectations", "judge", str(path)], check=True)
    return None


if __name__ == "__main__":
    usage(__doc__)
    main(sys.argv[1:])
