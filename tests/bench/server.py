"""A chat server of fixed latency, in a process of its own: `python -m tests.bench.server LATENCY [PLAN]`.

It speaks just enough HTTP/1.1, so that on two cores it is never what is measured. Plans, by the number of the request:
steady; tail (every 100th takes 20 times as long); faults (every tenth 429 with Retry-After, 2% 500, 1% cut, 1% bad
JSON). Prints its port.
"""

import asyncio
import json
import sys

from tests.bench import usage

SLOW = 20
"""Times the latency, for the slow ones of the plan tail."""


def outcome(plan: str, number: int) -> str:
    """What becomes of request `number`."""
    if plan == "tail" and number % 100 == 50:
        return "slow"
    if plan == "faults":
        if number % 10 == 3:
            return "busy"
        return {7: "error", 57: "error", 28: "cut", 81: "malformed"}.get(number % 100, "fine")
    return "fine"


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    count = 0
    last = False
    """The client wants the connection closed after the reply."""

    def __init__(self, latency: float, plan: str) -> None:
        self.latency, self.plan, self.buffer = latency, plan, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        self.last = b"connection: close" in head.lower()
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(rest) >= length:
            self.buffer = rest[length:]
            self.request(rest[:length])

    def request(self, body: bytes) -> None:
        if not body:  # somebody asks whether we are there
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")  # type: ignore[attr-defined]
            if self.last:
                self.transport.close()
            return
        number = Connection.count
        Connection.count += 1
        kind = outcome(self.plan, number)
        wait = 0.0 if kind == "busy" else self.latency * (SLOW if kind == "slow" else 1)
        asyncio.get_running_loop().call_later(wait, self.respond, kind, body)

    def respond(self, kind: str, body: bytes) -> None:
        if self.transport.is_closing():
            return
        if kind == "cut":
            self.transport.abort()  # type: ignore[attr-defined]
            return
        status = {"busy": "429 Too Many Requests\r\nRetry-After: 1", "error": "500 Oops"}.get(kind, "200 OK")
        data = reply(body) if status == "200 OK" else b'{"error": {"message": "' + kind.encode() + b'"}}'
        data = data[: len(data) // 2] if kind == "malformed" else data
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self.transport.write(head.encode() + data)  # type: ignore[attr-defined]
        if self.last:
            self.transport.close()


def reply(body: bytes) -> bytes:
    """A completion of some 600 characters that begins with the prompt's last line."""
    said = json.loads(body)["messages"] or [{"content": "nothing"}]  # curator asks that to learn about limits
    last = said[-1]["content"].splitlines()[-1]
    message = {"role": "assistant", "content": f"{last} " + "word " * 120}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 500, "completion_tokens": 121, "total_tokens": 621}
    return json.dumps(
        {"id": "x", "object": "chat.completion", "created": 1, "model": "bench", "choices": [choice], "usage": usage}
    ).encode()


async def main(latency: float, plan: str) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(latency, plan), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    usage(__doc__, 1)
    asyncio.run(main(float(sys.argv[1]), (sys.argv[2:] or ["steady"])[0]))
