"""How much of the server's speed reaches us, with the store on: `python -m tests.bench.engines [case ...]`.

Every line is one run against a fixed-latency server in a process of its own. The ideal is a client that costs nothing:
each request is sent the moment one of the places is free, and every fault passes at once. CPU is this process's, all
threads, per request. "again" is a second run, of which everything is remembered.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapreplace
from pathlib import Path

from stages.core.completions import Message, Prompt, Sampling
from stages.inference.connect import connect
from stages.params import Engine
from tests.bench import usage
from tests.bench.server import SLOW, outcome
from tests.inference.counting import OPENAI

LATENCY = 0.25
SAMPLING = Sampling(1.0, 0.9, 50, 2048)
SYSTEM = "You improve instructions. " * 20
EXAMPLE = "Here is a worked example of how to do that, with some length to it. " * 8
CASES = {  # name: (calls, concurrency, plan)
    "few": (500, 64, "steady"),
    "64": (2000, 64, "steady"),
    "512": (20000, 512, "steady"),
    "tail": (2000, 64, "tail"),
    "faults": (2000, 64, "faults"),
}


@contextmanager
def server(plan: str) -> Iterator[str]:
    """The address of a running server."""
    command = [sys.executable, "-m", "tests.bench.server", str(LATENCY), plan]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def prompt(number: int) -> Prompt:
    """About 3 KB, most of it shared with all others, as worked examples are."""
    said = [Message("system", SYSTEM)]
    for shot in range(3):
        said += [Message("user", f"{EXAMPLE}{shot}"), Message("assistant", f"{EXAMPLE}done {shot}")]
    said.append(Message("user", f"Rewrite this instruction, one of many. {'x' * 320}\nrow {number}"))
    return Prompt(tuple(said), SAMPLING, number)


def cpu() -> float:
    """Seconds of CPU that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(url: str, calls: int, concurrency: int, store: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one run; checks every row."""
    options = OPENAI | {"url": url, "model": "bench", "concurrency": concurrency, "grouping": 64}
    engine = Engine(engine="openai", options=options)
    wall, used = time.perf_counter(), cpu()
    with connect(engine, store=store) as complete:
        for number, reply in enumerate(complete(prompt(number) for number in range(calls))):
            assert reply.status == "ok" and reply.text.startswith(f"row {number} "), (number, reply)
        assert number == calls - 1
    return time.perf_counter() - wall, cpu() - used


def ideal_of(calls: int, concurrency: int, plan: str) -> float:
    """Seconds that the server alone would take."""
    places = [0.0] * concurrency
    for number in range(calls):
        heapreplace(places, places[0] + LATENCY * (SLOW if outcome(plan, number) == "slow" else 1))
    return max(places)


def main(names: list[str]) -> None:
    """Print the table."""
    import aiohttp  # noqa: F401 - imported before the clock starts

    print(
        f"{'case':8} {'calls':>6} {'at once':>7} {'ideal s':>8} {'wall s':>7} {'ratio':>6} {'ms CPU':>7} {'again s':>8}"
    )
    for name in names or CASES:
        calls, concurrency, plan = CASES[name]
        with server(plan) as url, tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "replies.sqlite"
            wall, used = run(url, calls, concurrency, store)
            again, _ = run(url, calls, concurrency, store)
        ideal = ideal_of(calls, concurrency, plan)
        print(
            f"{name:8} {calls:6} {concurrency:7} {ideal:8.2f} {wall:7.2f} {wall / ideal:6.3f} "
            f"{used / calls * 1000:7.3f} {again:8.3f}"
        )


if __name__ == "__main__":
    usage(__doc__)
    main(sys.argv[1:])
