"""An OpenAI-compatible server on loopback whose replies a test decides."""

import asyncio
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Answer:
    """One response. `cut` closes the connection instead; `wait` seconds pass before either."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    wait: float = 0.0


def completed(text: str, finish: str = "stop", **message: Any) -> Answer:
    """A chat completion that says `text`."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text} | message, "finish_reason": finish}
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split())}
    return Answer(body=json.dumps({"choices": [choice], "usage": usage}).encode())


def message_of(request: dict[str, Any]) -> str:
    """The last message of a request."""
    return str(request["messages"][-1]["content"])


@dataclass
class Server:
    """What the test sees of the server."""

    url: str
    requests: list[dict[str, Any]]
    headers: list[dict[str, str]]
    paths: list[str]
    most: int = 0
    """Most requests that were under way at once."""
    in_flight: int = 0


Handler = Callable[[dict[str, Any], int], Answer]
"""(the request's body, how many times this very body has come before) -> the answer."""


@contextmanager
def serving(handler: Handler, only: str = "") -> Iterator[Server]:
    """A server in a thread until the block ends; `server.requests` are the bodies in the order they came.

    `only`: the one path that exists.
    """
    server = Server("", [], [], [])
    seen: dict[bytes, int] = {}

    async def handle(request: web.Request) -> web.StreamResponse:
        data = await request.read()
        server.requests.append(json.loads(data))
        server.headers.append(dict(request.headers))
        server.paths.append(request.path)
        seen[data] = seen.get(data, -1) + 1
        if only and request.path != only:
            return web.Response(status=404, text='{"detail": "Not Found"}')
        server.in_flight += 1
        server.most = max(server.most, server.in_flight)
        try:
            return await _respond(request, handler(json.loads(data), seen[data]))
        finally:
            server.in_flight -= 1

    with _running(handle) as port:
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server


@contextmanager
def reluctant() -> Iterator[str]:
    """The address of a server that answers one request a connection and cuts it when the second has come."""
    body = completed("fine").body
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    class Once(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(1 << 16):
                self.request.sendall(reply)
                self.request.recv(1 << 16)
                # No farewell but a reset, as of a balancer that has forgotten the connection.
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Once) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


async def _respond(request: web.Request, answer: Answer) -> web.StreamResponse:
    await asyncio.sleep(answer.wait)
    if answer.cut and request.transport:
        request.transport.abort()
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers, content_type="application/json")


async def _end(runner: web.AppRunner) -> None:
    await runner.cleanup()
    hanging = asyncio.all_tasks() - {asyncio.current_task()}
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


@contextmanager
def _running(handle: Callable[[web.Request], Any]) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[web.AppRunner, int]:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(_end(runner), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
