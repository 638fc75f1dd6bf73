"""A response that no request asked for is no request's reply."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from stages.core.completions import Reply
from stages.core.errors import UserError
from stages.inference.backends.openai.http_connections import Connector
from stages.inference.connect import connect
from stages.params import Engine
from tests.inference.adversary import Misbehaviour, Seen, honest, late, misbehaving, pieces, response, short, together
from tests.inference.counting import OPENAI, prompt


def trusting() -> Connector:
    """Uses a connection again at once."""
    return Connector(8, rest=0.0, watch=0.0)


async def exchange(connector: aiohttp.TCPConnector, unasked: bytes) -> tuple[list[str], int]:
    """The replies to three requests in a row of a server that sends `unasked` after the first; its connections."""
    writers: list[asyncio.StreamWriter] = []
    requests = 0

    async def say(text: str) -> None:
        writers[-1].write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writers[-1].drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        writers.append(writer)
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            requests += 1
            await say(f"reply {requests}")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(60), aiohttp.ClientSession(connector=connector) as session:
        texts = [await (await session.get(url)).text()]
        ((kept, _),) = (pair for some in connector._conns.values() for pair in some)
        writers[-1].write(unasked)
        while not kept.should_close:
            await asyncio.sleep(0)
        texts += [await (await session.get(url)).text() for _ in range(2)]
    server.close()
    return texts, len(writers)


WRONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
UNASKED = {
    "a response": WRONG,
    "the beginning of one": WRONG[:21],
    "a line end": b"\r\n",
    "a farewell": b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"\x15\x03\x03",
}


@pytest.mark.parametrize("unasked", UNASKED)
def test_what_was_sent_unasked_is_not_the_next_reply_and_no_connection_is_used_twice_after_it(unasked: str) -> None:
    async def run() -> tuple[list[str], int]:
        return await exchange(trusting(), UNASKED[unasked])

    assert asyncio.run(run()) == (["reply 1", "reply 2", "reply 3"], 3)


def test_without_it_aiohttp_would_take_it_for_the_next_reply() -> None:
    """When this fails, aiohttp looks itself, and `Protocol` can go."""

    async def run() -> list[str]:
        return (await exchange(aiohttp.TCPConnector(), WRONG))[0]

    assert asyncio.run(run())[:2] == ["reply 1", "wrong"]


async def opened(connector: Connector, requests: int) -> int:
    """How many connections so many requests in a row took."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(requests):
            assert await (await session.get(url)).text() == "ok"
        assert sum(map(len, connector._conns.values())) <= 8
    server.close()
    return connections


@pytest.mark.parametrize(
    ("rest", "watch", "connections"),
    [(0.0, 0.0, 1), (3600.0, 3600.0, 20), (0.0, 3600.0, 20), (3600.0, 0.0, 12)],
    ids=["quiet connections are kept", "not before they rested", "nor before any rested", "nor later"],
)
def test_when_a_connection_is_used_again(rest: float, watch: float, connections: int) -> None:
    """The last: eight that were watched for no time at all, and after that each must rest."""

    async def run() -> int:
        return await opened(Connector(8, rest, watch), 20)

    assert asyncio.run(run()) == connections


def replies_from(how: Misbehaviour, folder: Path, concurrency: int) -> tuple[list[Reply], Seen]:
    """The replies to 120 prompts."""
    with misbehaving(how) as seen:
        options = OPENAI | {"url": seen.url, "model": "m", "concurrency": concurrency, "attempts": 5}
        with connect(Engine(engine="openai", options=options), store=folder / "store") as complete:
            return list(complete(prompt(n) for n in range(120))), seen


CASES: dict[str, Misbehaviour] = {
    "nothing": honest,
    **{f"again after {ms} ms": late(ms) for ms in (0, 2, 7, 12, 20)},
    "another text after 5 ms": late(5, response("<wrong>")),
    "one response in seven": late(4, every=7),
    "in two parts": pieces(3),
    "no HTTP": late(3, b"\x00\x01garbage\r\n\r\n"),
    "together": together(response("<wrong>")),
    "a line end": together(b"\r\n"),
}


@pytest.mark.parametrize("concurrency", [1, 16])
@pytest.mark.parametrize("case", CASES)
def test_no_row_gets_the_reply_to_another(
    case: str, concurrency: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    replies, _ = replies_from(CASES[case], tmp_path, concurrency)
    assert [reply.text for reply in replies] == [f"<{n}>" for n in range(120)]
    assert capfd.readouterr().err.count("sends responses that no request asked for") <= 1


def test_a_response_of_a_wrong_length_is_no_reply(tmp_path: Path) -> None:
    replies, _ = replies_from(short, tmp_path, 8)
    assert all(reply.text == f"<{n}>" for n, reply in enumerate(replies) if reply.status == "ok")
    assert sum(reply.status == "ok" for reply in replies) > 60


def test_a_server_that_always_sends_more_than_it_says_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="8 requests in a row failed"):
        replies_from(together(b"xx"), tmp_path, 8)
