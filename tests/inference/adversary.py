"""A server on loopback that sends what no request asked for; plain sockets, as no library would do it."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Write = Callable[[bytes], None]


@dataclass
class Seen:
    """What the server saw."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    """The last message of each request, in the order they came."""
    connections: list[int] = field(default_factory=list)
    """How many requests came over each connection."""


Misbehaviour = Callable[[Write, bytes, int], Coroutine[Any, Any, None]]
"""(writes to the connection, the right response, how many requests came before) -> sends that, and more or less."""


def response(text: str, length: int | None = None) -> bytes:
    """A whole HTTP response with a completion that says `text`; `length`: what it says of its own length."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = json.dumps({"model": "m", "choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}})
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return (head + body).encode()


async def honest(write: Write, right: bytes, number: int) -> None:
    write(right)


def late(milliseconds: float, sent: bytes | None = None, every: int = 1) -> Misbehaviour:
    """Something more so many ms after the response: the same once more, or `sent`."""

    async def send(write: Write, right: bytes, number: int) -> None:
        write(right)
        if number % every == 0:
            await asyncio.sleep(milliseconds / 1000)
            write(right if sent is None else sent)

    return send


def pieces(milliseconds: float) -> Misbehaviour:
    """A second response that comes in two parts with a pause between them."""

    async def send(write: Write, right: bytes, number: int) -> None:
        write(right)
        for part in (right[:40], right[40:]):
            await asyncio.sleep(milliseconds / 1000)
            write(part)

    return send


def together(sent: bytes) -> Misbehaviour:
    """More in the same segment."""

    async def send(write: Write, right: bytes, number: int) -> None:
        write(right + sent)

    return send


async def short(write: Write, right: bytes, number: int) -> None:
    """Every third response says that it is shorter than it is."""
    head, _, body = right.partition(b"\r\n\r\n")
    shorter = b"Content-Length: %d" % (len(body) - 9)
    write(right if number % 3 else head.replace(b"Content-Length: %d" % len(body), shorter) + b"\r\n\r\n" + body)


@contextmanager
def misbehaving(how: Misbehaviour, latency: float = 0.003) -> Iterator[Seen]:
    """A server that says "<text>" to the message `text` after `latency` seconds, until the block ends."""
    seen, loop = Seen(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(seen.connections)
        seen.connections.append(0)
        more: list[asyncio.Task[None]] = []
        try:
            while text := await _request(reader):
                number = len(seen.texts)
                seen.texts.append(text)
                seen.connections[place] += 1
                await asyncio.sleep(latency)
                more.append(loop.create_task(how(writer.write, response(f"<{text}>"), number)))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for task in more if writer.is_closing() else []:
                task.cancel()
            writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield seen
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _request(reader: asyncio.StreamReader) -> str:
    """The last message of the next request; "" at the end of the connection."""
    length = 0
    while line := (await reader.readline()).strip().lower():
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    if not length:
        return ""
    return str(json.loads(await reader.readexactly(length))["messages"][-1]["content"])


async def _stop(server: asyncio.Server) -> None:
    server.close()
    running = asyncio.all_tasks() - {asyncio.current_task()}
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
