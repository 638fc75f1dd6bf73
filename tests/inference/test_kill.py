"""kill -9 of a stage at a moment that its server decides: little is asked again, and the final bytes are equal."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages.core.records import digest
from tests.inference.loopback import Answer, completed, message_of, serving

ROWS, AT_ONCE = 300, 16

# Two steps, the second of what the first has said, as a room does it; every tenth row appears twice.
STAGE = f"""
import sys
from pathlib import Path
from stages.core import artifacts
from stages.inference.connect import connect
from stages.core.completions import ask
from stages.params import Engine
from tests.inference.counting import OPENAI, prompt
url, store, out = sys.argv[1:]
engine = Engine(engine="openai", options=OPENAI | {{"url": url, "model": "m", "concurrency": {AT_ONCE}}})
with connect(engine, store=Path(store)) as complete:
    first = ask(complete, (n - n % 10 // 9 for n in range({ROWS})), prompt)
    second = ask(complete, first, lambda pair: prompt(pair[1].text))
    artifacts.write(out, (reply for _, reply in second))
"""


def completion_of(request: dict[str, Any]) -> Answer:
    return completed(f"{message_of(request)[:3]} {digest(request, 16)}")


class Killer:
    """A server's handler that kills the process that asks, at the next of its moments (in requests from the start)."""

    def __init__(self) -> None:
        self.moments: list[int] = []
        self.count = self.pid = 0
        self.started = threading.Event()

    def __call__(self, request: dict[str, Any], _: int) -> Answer:
        self.started.wait()
        self.count += 1
        if self.count in self.moments:
            os.kill(self.pid, signal.SIGKILL)
        return completed(f"{message_of(request)[:3]} {digest(request, 16)}")

    def run(self, url: str, store: Path, out: Path) -> int:
        self.started.clear()
        process = subprocess.Popen([sys.executable, "-c", STAGE, url, str(store), str(out)], stderr=subprocess.PIPE)
        self.pid = process.pid
        self.started.set()
        process.communicate()
        return process.returncode


def check(folder: Path, moments: list[int]) -> None:
    """Kill at these moments, each time in the run that the one before made necessary; then let a run end."""
    killer = Killer()
    with serving(killer) as server:
        assert killer.run(server.url, folder / "undisturbed", folder / "expected") == 0
        before, killer.moments = len(server.requests), [killer.count + moment for moment in moments]
        for _ in moments:
            assert killer.run(server.url, folder / "store", folder / "out") == -signal.SIGKILL
            assert not (folder / "out").exists()
        assert killer.run(server.url, folder / "store", folder / "out") == 0
    sent = Counter(map(digest, server.requests[before:]))
    assert set(sent) == set(map(digest, server.requests[:before]))
    assert sum(sent.values()) - len(sent) <= AT_ONCE * len(moments)
    assert (folder / "out").read_bytes() == (folder / "expected").read_bytes()


def test_twice_killed(tmp_path: Path) -> None:
    check(tmp_path, [150, 400])


@pytest.mark.slow
@pytest.mark.parametrize("moment", sorted(random.Random(20250429).sample(range(1, 540), 20)))
def test_killed_at_any_moment(tmp_path: Path, moment: int) -> None:
    check(tmp_path, [moment])
