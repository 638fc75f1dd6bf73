"""A response that nobody asked for is nobody's reply."""

import asyncio

import aiohttp
import pytest

from stages.engines.connections import Connector


async def exchange(connector: aiohttp.TCPConnector) -> tuple[list[str], int]:
    """What two requests in a row are told by a server that says something in between; and over how many connections."""
    writers: list[asyncio.StreamWriter] = []
    asked = 0

    async def say(text: str) -> None:
        writers[-1].write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writers[-1].drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        writers.append(writer)
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            asked += 1
            await say(f"reply {asked}")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(60), aiohttp.ClientSession(connector=connector) as session:
        told = [await (await session.get(url)).text()]
        await say("unasked")
        ((kept, _),) = (pair for some in connector._conns.values() for pair in some)
        while not kept.should_close:
            await asyncio.sleep(0)
        told.append(await (await session.get(url)).text())
    server.close()
    return told, len(writers)


def test_what_was_said_unasked_is_not_the_next_reply() -> None:
    async def run() -> tuple[list[str], int]:
        return await exchange(Connector())

    assert asyncio.run(run()) == (["reply 1", "reply 2"], 2)


def test_without_it_aiohttp_would_take_it_for_the_next_reply() -> None:
    """When this fails, aiohttp looks itself, and `Connector` can go."""

    async def run() -> list[str]:
        return (await exchange(aiohttp.TCPConnector()))[0]

    assert asyncio.run(run()) == ["reply 1", "unasked"]


@pytest.mark.parametrize("requests", [1, 5])
def test_a_quiet_connection_is_kept(requests: int) -> None:
    async def run() -> int:
        opened = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with aiohttp.ClientSession(connector=Connector()) as session:
            for _ in range(requests):
                assert await (await session.get(url)).text() == "ok"
        server.close()
        return opened

    assert asyncio.run(run()) == 1
