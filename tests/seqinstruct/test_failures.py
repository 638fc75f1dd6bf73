"""A server that fails at random: no row names a reply that is not stored, and the next run makes the same bytes."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.core import artifacts
from stages.core.records import Record, digest
from stages.inference.connect import connect
from stages.params import Engine
from stages.reply_store.store import Replies
from stages.seqinstruct.responses import ResponseConfig, respond_round
from stages.seqinstruct.rounds import rewrite_round
from tests.inference.counting import OPENAI
from tests.inference.loopback import Answer, completed, message_of, serving
from tests.seqinstruct.models import SAMPLING, plan, record

ROWS = 120


class Flaky:
    """Fails one request in four in one of four ways, and answers some in a way that has to be asked for again."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.failures = 0

    def __call__(self, request: dict[str, Any], _: int) -> Answer:
        if self.rng.random() < 0.25:
            self.failures += 1
            return self.rng.choice([Answer(500), Answer(200, b"{"), Answer(400, b"{}"), Answer(cut=True)])
        return completed(self.text(request))

    def text(self, request: dict[str, Any]) -> str:
        number = int(digest(request, 8), 16)
        if number % 5 == 0:
            return "I wonder."
        if request["messages"][0]["content"] == "choose":
            return f"So the option is: {'ABC'[number % 3]}."
        return f"#New Instruction#: {message_of(request)} Then name lake {number}.###"


def run(url: str, store: Path, out: Path) -> None:
    """A round of rewriting and its responses, through the store."""
    options = OPENAI | {"url": url, "model": "m", "attempts": 1, "concurrency": 8}
    config = ResponseConfig(7, 1, SAMPLING, 12, ("ok", "truncated"))
    with connect(Engine(engine="openai", options=options), store=store) as complete:
        rows = rewrite_round((record(f"Name sea {n}.") for n in range(ROWS)), complete, plan(attempts=12))
        artifacts.write(out, (row for _, row in respond_round(rows, [], complete, config)))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def named(out: Path) -> Iterator[tuple[str, str]]:
    """Every key that a row names, with the hash of the reply's text beside it."""
    for row in artifacts.read(out, Record):
        for step in row.steps:
            yield from zip(step.replies, step.text_hashes, strict=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_do_not_depend_on_failures_and_name_stored_replies_only(tmp_path: Path, seed: int) -> None:
    flaky = Flaky(seed)
    with serving(flaky) as server:
        run(server.url, tmp_path / "store", tmp_path / "first")
        assert flaky.failures > ROWS // 4
        requests_before = len(server.requests)
        run(server.url, tmp_path / "store", tmp_path / "second")
        assert len(server.requests) == requests_before
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    pairs = set(named(tmp_path / "first"))
    with Replies(tmp_path / "store") as replies:
        stored = replies.find([bytes.fromhex(key) for key, _ in pairs], "m").values()
        assert {(reply.id, digest_of(reply.text)) for reply in stored} == pairs
    assert len(pairs) > 3 * ROWS
