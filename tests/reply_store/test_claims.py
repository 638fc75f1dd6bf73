"""Two processes that want the same replies at once pay for each once, also where one of them is killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Reply
from stages.core.errors import UserError
from stages.core.records import digest
from stages.reply_store.claims import PATIENCE, Claims, Sharing
from stages.reply_store.keys import request
from tests.inference.counting import IDENTITY, prompt
from tests.inference.loopback import Answer, completed, message_of, serving

ROWS, AT_ONCE = 210, 8

# Two steps; the second begins on a signal, so that two processes begin it together.
STAGE = f"""
import sys
from pathlib import Path
from stages.core import artifacts
from stages.inference.connect import connect
from stages.core.completions import ask
from stages.params import Budget, Engine, Price
from tests.inference.counting import OPENAI, prompt
url, store, out, budget = sys.argv[1:]
engine = Engine(
    engine="openai", options=OPENAI | {{"url": url, "model": "m", "concurrency": {AT_ONCE}}},
    budget=Budget(tokens=int(budget), money=None) if budget else None,
)
with connect(engine, store=Path(store)) as complete:
    print("ready", flush=True)
    sys.stdin.readline()
    first = ask(complete, range({ROWS}), prompt)
    second = ask(complete, first, lambda pair: prompt(pair[1].text))
    artifacts.write(out, (reply for _, reply in second))
"""


class Stages:
    """Several processes of the same stage, and a server's handler that may kill one of them."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []
        self.kill_at = self.count = 0

    def __call__(self, request: dict[str, Any], _: int) -> Answer:
        self.count += 1
        if self.count == self.kill_at:
            os.kill(self.processes[0].pid, signal.SIGKILL)
        answer = completed(f"{message_of(request)[:3]} {digest(request, 16)}")
        answer.wait = 0.01
        return answer

    def run(self, url: str, folder: Path, number: int, budget: str = "") -> list[int]:
        """Run so many at once; returns their exit statuses. What they write is in <folder>/out<number>."""
        for one in range(number):
            arguments = [url, str(folder / "store"), str(folder / f"out{one}"), budget]
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", STAGE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=(folder / f"err{one}").open("w"), text=True,
                )
            )  # fmt: skip
        for process in self.processes:
            assert process.stdout and process.stdout.readline() == "ready\n"
        for process in self.processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.wait(300) for process in self.processes]


def test_two_identical_stages_at_once_ask_each_request_once(tmp_path: Path) -> None:
    stages = Stages()
    with serving(stages) as server:
        assert stages.run(server.url, tmp_path, 2) == [0, 0]
        assert len(server.requests) == 2 * ROWS
        assert (tmp_path / "out0").read_bytes() == (tmp_path / "out1").read_bytes()
    assert (tmp_path / "out0").read_text().count("\n") == ROWS


@pytest.mark.parametrize("moment", [5, 100, 300])
def test_after_a_kill_the_other_takes_over(tmp_path: Path, moment: int) -> None:
    stages = Stages()
    stages.kill_at = moment
    with serving(stages) as server:
        assert stages.run(server.url, tmp_path, 2) == [-signal.SIGKILL, 0]
        sent = Counter(map(digest, server.requests))
        # Only what the killed one had under way is asked again.
        assert len(sent) == 2 * ROWS and sum(sent.values()) - len(sent) <= AT_ONCE
    assert (tmp_path / "out1").read_text().count("\n") == ROWS


def test_two_at_once_keep_one_budget(tmp_path: Path) -> None:
    """There is room for every reply, and for what one process has under way at its most, and little more."""
    stages = Stages()
    with serving(stages) as server:
        assert stages.run(server.url, tmp_path, 2, str(2 * ROWS * 9 + AT_ONCE * 170)) == [0, 0]
        assert len(server.requests) == 2 * ROWS


HOLDER = """
import sys, time
from pathlib import Path
from stages.reply_store.claims import Claims
from tests.inference.counting import asked
claims = Claims(Path(sys.argv[1]))
print(*[claims.take(asked(n).key) for n in range(int(sys.argv[2]))], flush=True)
sys.stdin.readline()
"""


def holder(store: Path, number: int) -> subprocess.Popen[str]:
    """A process that claims the first so many prompts, until a line comes or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and set(process.stdout.readline().split()) == {"True"}
    return process


def test_a_claim_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    claims, keys = Claims(tmp_path / "s"), [request(IDENTITY, prompt(n)).key for n in range(6)]
    process = holder(tmp_path / "s", 5)
    assert [claims.take(key) for key in keys] == [False] * 5 + [True]
    assert claims.take(keys[5]), "one process may ask the same twice"
    process.kill()
    process.wait()
    assert [claims.take(key) for key in keys] == [True] * 6
    claims.release(keys)
    claims.release([keys[5], keys[5], keys[5]])  # once more than it was taken
    other = holder(tmp_path / "s", 6)
    assert not claims.take(keys[5])
    other.communicate("\n")
    assert claims.take(keys[5])


def test_what_a_process_claims_and_never_answers_is_asked_in_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, now = holder(tmp_path / "s", 3), [0.0]
    asks, stored = [request(IDENTITY, prompt(n)) for n in range(4)], dict[bytes, Reply]()
    sharing = Sharing(
        Claims(tmp_path / "s"), lambda keys: {key: stored[key] for key in keys if key in stored}, clock=lambda: now[0]
    )
    assert sharing.divide(asks) == ({}, asks[3:])
    now[0] = PATIENCE - 1
    stored[asks[0].key] = Reply("other", "ok", 1, 1)
    assert sharing.look_again() == (stored, [])
    now[0] = 2 * PATIENCE - 2
    assert sharing.look_again() == ({}, [])
    now[0] = 2 * PATIENCE
    assert sharing.look_again() == ({}, asks[1:3])
    assert "another process has requested 2 replies and gets none" in capsys.readouterr().err
    assert not sharing.waiting and sharing.look_again() == ({}, [])
    sharing.release([ask.key for ask in asks])
    process.communicate("\n")


def test_a_reply_that_comes_between_look_up_and_claim_is_not_asked_for(tmp_path: Path) -> None:
    ask, reply = request(IDENTITY, prompt(0)), Reply("other", "ok", 1, 1)
    sharing = Sharing(Claims(tmp_path / "s"), lambda keys: {ask.key: reply})
    assert sharing.divide([ask]) == ({ask.key: reply}, [])
    holder(tmp_path / "s", 1).communicate("\n")  # which finds the claim given up


def test_a_folder_without_room_for_the_locks_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"s\.lock: No such file or directory; check"):
        Claims(tmp_path / "absent" / "s")
