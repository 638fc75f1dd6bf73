"""What grouping requests by shared prefix saves: `python -m tests.bench.prefixes [calls]`.

The server is ours, and no model: it keeps the `room` prefixes that were used last (all messages but the last one),
takes its time over every prefix that it does not have and over every last message, one request after another as one GPU
would, and counts. Sixteen prefixes, as 4 orders of the worked examples of 4 prompt files make; tests.bench.vllm
measures a real engine.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path
from random import Random
from typing import ClassVar
from urllib.request import urlopen

from stages.core.completions import Message, Prompt
from stages.inference.connect import connect
from stages.params import Engine
from tests.bench import server, usage
from tests.bench.engines import EXAMPLE, SAMPLING, SYSTEM
from tests.inference.counting import OPENAI

PREFIXES = 16
RATE = 1e6
"""Characters a second that the server computes."""


class Caching(server.Connection):
    """A connection to a server that remembers some prefixes."""

    room = 0
    kept: ClassVar[OrderedDict[str, None]] = OrderedDict()
    computed = 0
    free_at = 0.0

    def __init__(self) -> None:
        super().__init__(0.0, "steady")

    def request(self, body: bytes) -> None:
        if not body:
            said = json.dumps({"computed": Caching.computed}).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))  # type: ignore[attr-defined]
            return
        *first, last = (message["content"] for message in json.loads(body)["messages"])
        cost = len(last) + self.lacking("\n".join(first))
        Caching.computed += cost
        loop = asyncio.get_running_loop()
        Caching.free_at = max(Caching.free_at, loop.time()) + cost / RATE
        loop.call_at(Caching.free_at, self.respond, "fine", body)

    def lacking(self, prefix: str) -> int:
        """Characters of the prefix that must be computed."""
        known = prefix in Caching.kept
        Caching.kept[prefix] = None
        Caching.kept.move_to_end(prefix)
        while len(Caching.kept) > Caching.room:
            Caching.kept.popitem(last=False)
        return 0 if known else len(prefix)


async def serve(room: int) -> None:
    Caching.room = room
    found = await asyncio.get_running_loop().create_server(Caching, "127.0.0.1", 0, backlog=2048)
    print(found.sockets[0].getsockname()[1], flush=True)
    await found.serve_forever()


def prompt(number: int) -> Prompt:
    """About 4 KB, all but 200 bytes of it one of the prefixes."""
    order = Random(f"order:{number}").randrange(PREFIXES)
    said = [Message("system", f"{order} {SYSTEM}")]
    for shot in range(3):
        said += [Message("user", f"{EXAMPLE}{shot}"), Message("assistant", f"{EXAMPLE}done {shot}")]
    said.append(Message("user", f"Rewrite this instruction. {'x' * 160}\nrow {number}"))
    return Prompt(tuple(said), SAMPLING, number, prefix=str(order))


def run(calls: int, room: int, grouping: int) -> tuple[float, int, list[str]]:
    """Wall seconds, characters that the server had to compute, and the replies."""
    command = [sys.executable, "-m", "tests.bench.prefixes", "serve", str(room)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert process.stdout
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        options = OPENAI | {"url": url, "model": "bench", "concurrency": 32, "grouping": grouping}
        started = time.perf_counter()
        with connect(Engine(engine="openai", options=options), store=Path(folder, "store")) as complete:
            texts = [reply.text for reply in complete(prompt(number) for number in range(calls))]
        wall = time.perf_counter() - started
        computed = json.loads(urlopen(url).read())["computed"]
        process.kill()
    return wall, computed, texts


def main(calls: int) -> None:
    """Print the table."""
    print(f"{calls} calls, {PREFIXES} prefixes of 4 KB, a server that keeps `room` of them")
    for room in (1, 2, 4, 8, 16):
        (plain, without, texts), (grouped, within, same) = run(calls, room, 1), run(calls, room, 64)
        assert texts == same, "a result depends on the grouping"
        print(
            f"room {room:3}: computed {without / 1e6:6.2f} -> {within / 1e6:5.2f} MB "
            f"({1 - within / without:4.0%} saved), "
            f"wall {plain:6.2f} -> {grouped:5.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    usage(__doc__)
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(int(sys.argv[2])))
    else:
        main(int((sys.argv[1:] or ["2000"])[0]))
