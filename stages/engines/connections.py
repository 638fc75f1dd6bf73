"""HTTP connections that are kept: what a server says unasked must not become the reply to the next request."""

from collections.abc import Mapping
from time import monotonic
from typing import Any

import aiohttp


class Connector(aiohttp.TCPConnector):
    """Takes no connection from the pool that has said something since its last response.

    HTTP/1.1 tells responses apart by their order alone (RFC 9112, 9.3), so a second response, or a 408 before a server
    closes, would be read as that of the next request. aiohttp 3.14 looks when a connection is put back, and not when it
    is taken out again.
    """

    async def _get(self, key: Any, traces: Any) -> Any:
        oldest = monotonic() - (self._keepalive_timeout or 0.0)
        for connection, since in self._conns.get(key, ()):
            if connection.should_close:
                connection.close()
            elif connection.is_connected() and since >= oldest:
                break  # aiohttp takes the first that is open and young enough, which is this one
        return await super()._get(key, traces)


def session(headers: Mapping[str, str], timeout: float, **connections: Any) -> aiohttp.ClientSession:
    """A client without cookies and without a limit of its own; `timeout` (seconds) is that of one request."""
    connector = Connector(limit=0, ttl_dns_cache=300, **connections)
    limits = aiohttp.ClientTimeout(total=timeout, sock_connect=min(30, timeout))
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, timeout=limits, headers=headers, cookie_jar=jar)
