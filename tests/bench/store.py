"""The store with a million replies: `python -m tests.bench.store [count] [folder]`.

Fills a store (kept in the folder, if one is named, for the next time), then measures how long it takes to open, to look
up a batch of 52,002 rows scattered over it, to look up as many that are not there, and to stream all rows through
`Complete` with its peak memory; each in a fresh process.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stages.core.completions import Reply
from stages.reply_store.keys import Request, request
from stages.reply_store.store import Replies
from tests.bench import usage
from tests.bench.engines import cpu, prompt
from tests.inference.counting import IDENTITY, Counting, connected

BATCH = 52_002


def asked(number: int) -> Request:
    """The request of row `number`."""
    return request(IDENTITY, prompt(number))


def answered(number: int) -> Reply:
    """Some 600 characters."""
    return Reply(f"row {number} " + " ".join(str(number * k) for k in range(3, 80)), "ok", 500, 121)


def fill(path: Path, count: int) -> None:
    """Rows 0 to `count`, in groups of 64 as an engine gives them."""
    with Replies(path) as replies:
        for start in range(0, count, 64):
            replies.keep([(asked(n), answered(n)) for n in range(start, min(start + 64, count))], IDENTITY.model)


def opened(path: Path, count: int) -> None:
    """Open and find one reply."""
    with Replies(path) as replies:
        assert replies.find([asked(count // 2).key], "m")


def scattered(path: Path, count: int) -> None:
    """A batch that is all there, in random order, by `Complete`."""
    numbers = random.Random(1).sample(range(count), min(BATCH, count))
    with connected(Counting(), path) as connection:
        for number, reply in zip(numbers, connection.complete(map(prompt, numbers)), strict=True):
            assert reply.text.startswith(f"row {number} ")


def absent(path: Path, count: int) -> None:
    """A batch of which nothing is there."""
    with Replies(path) as replies:
        assert not replies.find([asked(n).key for n in range(count, count + BATCH)], "m")


def streamed(path: Path, count: int) -> None:
    """All rows, as a rewrite of which everything is remembered."""
    with connected(Counting(), path) as connection:
        assert sum(1 for _ in connection.complete(prompt(n) for n in range(count))) == count


MEASURED = {"open": opened, "batch": scattered, "absent": absent, "stream": streamed}


def measure(name: str, path: Path, count: int) -> None:
    """One line, from a process of its own."""
    import resource

    started = time.perf_counter()
    MEASURED[name](path, count)
    wall = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:8} {wall:8.2f} s wall {cpu():8.2f} s CPU {peak:8.0f} MiB peak", flush=True)


def main(count: int, folder: Path) -> None:
    """Fill, then measure."""
    path = folder / f"{count}.sqlite"
    if not path.exists():
        started = time.perf_counter()
        fill(path, count)
        print(f"fill     {time.perf_counter() - started:8.2f} s wall for {count} replies of 64 a group")
    print(f"size     {path.stat().st_size / 2**20:8.0f} MiB")
    for name in MEASURED:
        subprocess.run([sys.executable, "-m", "tests.bench.store", "measure", name, str(path), str(count)], check=True)


if __name__ == "__main__":
    usage(__doc__)
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(int((sys.argv[1:] or ["1000000"])[0]), Path((sys.argv[2:] or [temporary])[0]))
