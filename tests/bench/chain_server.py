"""A chat server for `chain_work` that counts: `python -m tests.bench.chain_server LATENCY PLACES [PLAN]`.

It answers so many requests at once, each after LATENCY seconds; others wait for a place, so that a client with more in
flight gains nothing. Plans, by the number of the request: steady; tail and faults as in tests.bench.server; replies
(1% have no text, 1% are cut at the token limit). GET gives its counts as JSON. Prints its port.
"""

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any

from tests.bench import chain_work, usage
from tests.bench.server import SLOW, Connection, outcome


def outcome_of(plan: str, number: int) -> str:
    """What becomes of request `number`."""
    if plan == "replies":
        return {17: "empty", 67: "short"}.get(number % 100, "fine")
    return outcome(plan, number)


class Counts:
    """What the server has seen, and the requests that wait for a place."""

    def __init__(self, places: int) -> None:
        self.places, self.active, self.most = places, 0, 0
        self.waiting: deque[tuple[ChainConnection, str, chain_work.Call | None]] = deque()
        self.requests = self.right = self.wrong = self.repeated = 0
        self.answered: set[chain_work.Call] = set()
        self.first = self.last = 0.0

    def summary(self) -> dict[str, Any]:
        """The counts. repeated: requests for what had been answered before. busy_s: from the first request to now's
        last reply."""
        return {
            "requests": self.requests, "right": self.right, "wrong": self.wrong, "repeated": self.repeated,
            "most": self.most, "busy_s": self.last - self.first,
        }  # fmt: skip


class ChainConnection(Connection):
    """One keep-alive connection."""

    def __init__(self, latency: float, plan: str, counts: Counts) -> None:
        super().__init__(latency, plan)
        self.counts = counts

    def request(self, body: bytes) -> None:
        counts = self.counts
        if not body:
            self._write("200 OK", json.dumps(counts.summary()).encode())
            return
        now = time.perf_counter()
        counts.first, number = counts.first or now, counts.requests
        counts.requests += 1
        call = chain_work.call_of(json.loads(body).get("messages") or [])
        counts.wrong += call is None
        counts.repeated += call in counts.answered
        kind = outcome_of(self.plan, number)
        if kind == "busy":
            self._write("429 Too Many Requests\r\nRetry-After: 1", b'{"error": {"message": "busy"}}')
        elif counts.active < counts.places:
            self._begin(kind, call)
        else:
            counts.waiting.append((self, kind, call))

    def _begin(self, kind: str, call: chain_work.Call | None) -> None:
        self.counts.active += 1
        self.counts.most = max(self.counts.most, self.counts.active)
        wait = self.latency * (SLOW if kind == "slow" else 1)
        asyncio.get_running_loop().call_later(wait, self._finish, kind, call)

    def _finish(self, kind: str, call: chain_work.Call | None) -> None:
        counts = self.counts
        counts.active -= 1
        counts.last = time.perf_counter()
        if counts.waiting:
            connection, other, theirs = counts.waiting.popleft()
            connection._begin(other, theirs)
        if self.transport.is_closing():
            return
        if kind == "cut":
            self.transport.abort()  # type: ignore[attr-defined]
        elif kind == "error":
            self._write("500 Oops", b'{"error": {"message": "error"}}')
        else:
            self._reply(kind, call)

    def _reply(self, kind: str, call: chain_work.Call | None) -> None:
        text = chain_work.reply(call) if call else f"What is meant? {chain_work.FILLER}"
        text = {"empty": "", "short": text[: len(text) // 2]}.get(kind, text)
        data = completion(text, "length" if kind == "short" else "stop")
        if kind == "malformed":
            data = data[: len(data) // 2]
        elif call and kind in ("fine", "slow"):
            self.counts.right += 1
            self.counts.answered.add(call)
        self._write("200 OK", data)

    def _write(self, status: str, data: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self.transport.write(head.encode() + data)  # type: ignore[attr-defined]
        if self.last:
            self.transport.close()


def completion(text: str, reason: str) -> bytes:
    """A chat completion as JSON."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    usage = {"prompt_tokens": 400, "completion_tokens": 121, "total_tokens": 521}
    whole = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "bench", "choices": [choice], "usage": usage
    }  # fmt: skip
    return json.dumps(whole).encode()


async def main(latency: float, places: int, plan: str) -> None:
    """Serve until killed."""
    counts = Counts(places)
    server = await asyncio.get_running_loop().create_server(
        lambda: ChainConnection(latency, plan, counts), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    usage(__doc__, 2)
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]), (sys.argv[3:] or ["steady"])[0]))
