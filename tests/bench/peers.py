"""The same chained work by other libraries: `python -m tests.bench.peers [--rows N] NAME=PYTHON ...`.

Two rounds of three dependent calls a row (see `chain_work`), against a server that answers 64 requests at once, each
after 250 ms. NAME is bare (AsyncOpenAI), datatrove, curator, data-designer or distilabel, PYTHON the interpreter of an
environment of its own in which it is installed; ours always runs, and is first at every turn. Every number of requests
is the server's own count. The ideal is a client that costs nothing and never leaves a place empty.

Lines: steady (wall, CPU a request and peak memory; `edited` is the same run again with one row changed), tail (1% of
the requests take 20 times as long), faults (10% 429 with Retry-After, 2% 500, 1% dropped, 1% cut JSON), replies (1%
without text, 1% cut at the token limit) and kill (kill -9 after seven twelfths of the requests, then a restart).
Words after --cases choose among them, with commas between.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapreplace
from pathlib import Path
from typing import Any

from tests.bench import chain_work
from tests.bench.chain_server import outcome_of
from tests.bench.peer_run import MODULES
from tests.bench.process_tree import Ended, watch
from tests.bench.server import SLOW

ROOT = Path(__file__).resolve().parents[2]
CALLS = chain_work.ROUNDS * len(chain_work.STEPS)
"""Requests a row, where each is sent once."""
CASES = ("steady", "kill", "faults", "replies", "tail")
EDITED = 3
"""Number of the row that is changed."""


@dataclass(frozen=True)
class Size:
    """How much work there is."""

    rows: int
    at_once: int
    latency: float
    limit: float
    """Seconds after which a client is stopped."""

    @property
    def calls(self) -> int:
        return self.rows * CALLS

    def ideal(self, plan: str) -> float:
        """Seconds that the server alone would take."""
        places = [0.0] * self.at_once
        for number in range(self.calls):
            heapreplace(places, places[0] + self.latency * (SLOW if outcome_of(plan, number) == "slow" else 1))
        return max(places)


@dataclass(frozen=True)
class Run:
    """What came of one run of a client."""

    ended: Ended
    counts: dict[str, Any]
    """The server's, of this run and those before it at the same server."""
    wall: float = 0.0
    cpu: float = 0.0
    """Seconds of the run itself, without start and imports; 0 where it did not end well."""
    right: int = 0
    wrong: int = 0

    @property
    def note(self) -> str:
        """Why there is no result; "" where there is one."""
        if self.ended.status is None:
            return f"stopped after {self.ended.wall:.0f} s"
        return f"ended with status {self.ended.status}" if self.ended.status else ""


@contextlib.contextmanager
def server(size: Size, plan: str) -> Iterator[str]:
    """The address of a running server."""
    command = [sys.executable, "-m", "tests.bench.chain_server", str(size.latency), str(size.at_once), plan]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def counts_of(url: str) -> dict[str, Any]:
    """What the server has counted so far."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url) as response:
        counts: dict[str, Any] = json.load(response)
    return counts


class Client:
    """One library, in a folder that keeps what it keeps between runs."""

    def __init__(self, name: str, python: str, folder: Path, size: Size) -> None:
        self.name, self.python, self.folder, self.size = name, python, folder, size
        folder.mkdir(parents=True)

    def run(self, url: str, edited: int | None = None, kill_at: int | None = None) -> Run:
        """Do the work, or the rest of it; `kill_at`: requests after which the client is killed."""
        work, result = self.folder / "work.json", self.folder / "result.json"
        work.write_text(json.dumps(chain_work.work(self.size.rows, edited)), "utf-8")
        result.unlink(missing_ok=True)
        command = [self.python, "-m", "tests.bench.peer_run", self.name, url, str(work), str(self.size.at_once)]
        ended = watch(
            [*command, str(self.folder)], self.folder / "log", self._environment(), self.size.limit,
            lambda: kill_at is not None and counts_of(url)["requests"] >= kill_at,
        )  # fmt: skip
        counts = counts_of(url)
        if not result.exists():
            return Run(ended, counts)
        made = json.loads(result.read_text("utf-8"))
        rows = [chain_work.expected(row, int(row == edited)) for row in range(self.size.rows)]
        firsts = [chain_work.instruction(row, int(row == edited)) for row in range(self.size.rows)]
        right = sum(made["rows"].get(first) == expected for first, expected in zip(firsts, rows, strict=True))
        return Run(ended, counts, made["wall"], made["cpu"], right, len(made["rows"]) - right)

    def _environment(self) -> dict[str, str]:
        """Ours without proxies, a home of its own, and this checkout as the only path of modules."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        silent = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
        return kept | silent | {"PYTHONPATH": str(ROOT), "HOME": str(self.folder)}

    def last_line(self) -> str:
        """The last line of its log."""
        lines = (self.folder / "log").read_text("utf-8", errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else ""


def steady(client: Client) -> dict[str, Any]:
    """An undisturbed run, and the same again with one row changed."""
    size = client.size
    with server(size, "steady") as url:
        first = client.run(url)
        again = client.run(url, edited=EDITED) if not first.note else first
    requests = first.counts["requests"]
    return figures(first, size, "steady") | {
        "edited": again.counts["requests"] - requests if not again.note else again.note,
        "edited_right": again.right,
    }


def planned(client: Client, plan: str) -> dict[str, Any]:
    """A run by a plan of the server."""
    with server(client.size, plan) as url:
        return figures(client.run(url), client.size, plan)


def killed(client: Client) -> dict[str, Any]:
    """A run that is killed after seven twelfths of the requests, and another that goes on.

    A client that goes step by step over all rows is then in the middle of a step.
    """
    size = client.size
    with server(size, "steady") as url:
        first = client.run(url, kill_at=size.calls * 7 // 12)
        last = client.run(url)
    made = figures(last, size, "steady")
    early = "" if first.ended.status == -signal.SIGKILL else f"not killed but {first.note or 'done before'}"
    return made | {"note": early or made["note"]}


def figures(run: Run, size: Size, plan: str) -> dict[str, Any]:
    """A run in numbers, as they are printed."""
    return {
        "note": run.note, "requests": run.counts["requests"], "extra": run.counts["requests"] - size.calls,
        "right": run.right, "wrong": run.wrong, "lost": size.rows - run.right - run.wrong,
        "ratio": run.wall / size.ideal(plan), "busy": run.counts["busy_s"] / size.ideal(plan),
        "cpu_ms": run.cpu / max(1, run.counts["requests"]) * 1000,
        "process_s": run.ended.wall, "process_cpu_s": run.ended.cpu, "peak_mib": run.ended.peak,
        "unrecognised": run.counts["wrong"], "most": run.counts["most"], "load": os.getloadavg()[0],
    }  # fmt: skip


def shown(case: str, name: str, made: dict[str, Any]) -> str:
    """A line of the table."""
    line = f"{case:8} {name:14} "
    if made["note"]:
        return f"{line}{made['note']}; {made['requests']} requests; load {made['load']:.1f}"
    line += (
        f"{made['ratio']:6.2f} x ideal ({made['busy']:.2f} at the server) {made['cpu_ms']:7.2f} ms CPU a request "
        f"{made['peak_mib']:6.0f} MiB "
        f"{made['process_s']:6.1f} s and {made['process_cpu_s']:6.1f} s CPU with start; {made['requests']} requests "
        f"({made['extra']:+d}), {made['right']} rows right, {made['wrong']} wrong, {made['lost']} lost"
    )
    if "edited" in made:
        line += f"; one row edited: {made['edited']} requests, {made['edited_right']} right"
    return f"{line}; load {made['load']:.1f}"


def measure(
    clients: dict[str, str], size: Size, cases: list[str], folder: Path, kept: Path | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """(case, client) -> figures, each printed as it is there; all clients take turns in every case.

    kept: a folder for the logs of the clients.
    """
    made = {}
    for case in cases:
        for name, python in clients.items():
            client = Client(name, python, folder / case / name, size)
            if case == "steady":
                made[case, name] = steady(client)
            else:
                made[case, name] = killed(client) if case == "kill" else planned(client, case)
            print(shown(case, name, made[case, name]), flush=True)
            if made[case, name]["note"]:
                print(f"{'':24}{client.last_line()}", flush=True)
            if kept:
                shutil.copy(client.folder / "log", kept / f"{case}-{name}.log")
            shutil.rmtree(client.folder, ignore_errors=True)
    return made


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.25, help="seconds")
    parser.add_argument("--limit", type=float, default=300, help="seconds for a run of one client")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--logs", type=Path, help="a folder for what the clients print")
    parser.add_argument("clients", nargs="*", metavar="NAME=PYTHON")
    given = parser.parse_args()
    named = dict(pair.split("=", 1) for pair in given.clients)
    clients = {"seqit": sys.executable} | {name: os.path.abspath(python) for name, python in named.items()}
    if unknown := [*(clients.keys() - MODULES.keys()), *({*given.cases.split(",")} - {*CASES})]:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join([*MODULES, *CASES])}")
    size = Size(given.rows, given.at_once, given.latency, given.limit)
    print(
        f"{size.rows} rows, {size.calls} requests, {size.at_once} at once, {size.latency:g} s each: ideal "
        f"{size.ideal('steady'):.2f} s; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    if given.logs:
        given.logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        measure(clients, size, given.cases.split(","), Path(folder), given.logs)


if __name__ == "__main__":
    main()
