"""HTTP connections that are reused only where a server sends exactly one response to each request.

HTTP/1.1 tells responses apart by their order alone (RFC 9112, 9.3), so a second response to one request is read as the
response to the next request on that connection. Three rules keep it from becoming another row's text:

- A connection on which a byte arrives while no request is in flight is closed, whatever the bytes are.
- A connection is not used again within `LIMITS.rest` seconds after a response (`LIMITS.watch` seconds until
  `LIMITS.watched` connections have stayed silent that long); meanwhile new ones are opened.
- After the first such byte no connection to this server is used twice (`Connector.misbehaved`).

What no client can know: whether bytes that arrive on a connection while a request is in flight are the response to that
request or to an earlier one that is later than `LIMITS.rest`. With one connection a request there is no earlier one.
"""

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

from stages.inference.backends.openai.client_limits import LIMITS


class Protocol(ResponseHandler):
    """One connection. Bytes that arrive while no request is in flight close it and are never parsed."""

    def __init__(self, connector: "Connector", loop: Any) -> None:
        """`connector`: its `misbehaved` is set when such bytes arrive."""
        super().__init__(loop)
        self._connector = connector
        self.idle = True

    def set_response_params(self, **params: Any) -> None:
        """aiohttp calls this right before it sends a request."""
        self.idle = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        if self.idle:
            if data:  # aiohttp passes none when it resumes reading
                self._close_misbehaved()
        else:
            super().data_received(data)
            if self.idle and (self._buffer or self._tail or self.exception() is not None):
                self._close_misbehaved()  # behind the end of the response, in the same segment

    def _close_misbehaved(self) -> None:
        """Close the connection: the server sent bytes that no request asked for."""
        self._connector.misbehaved = True
        self.force_close()
        if self.transport is not None:
            self.transport.abort()


class Connector(aiohttp.TCPConnector):
    """A pool of connections under the rules above, with at most `most` idle connections."""

    def __init__(self, most: int, rest: float = LIMITS.rest, watch: float = LIMITS.watch, **options: Any) -> None:
        """`rest` and `watch` in seconds; `options` are those of aiohttp."""
        super().__init__(limit=0, ttl_dns_cache=300, **options)
        self._factory = cast(Any, partial(Protocol, self, self._loop))
        self._most, self._rest, self._watch = most, rest, watch
        self._silent = 0
        self.misbehaved = False
        """Whether this server ever sent bytes that no request asked for."""

    async def _get(self, key: Any, traces: Any) -> Any:
        now, idle = monotonic(), self._conns.get(key, ())
        while idle and (idle[0][0].should_close or not idle[0][0].is_connected()):
            idle.popleft()[0].close()
        if not idle or self.misbehaved:
            return None
        rested = now - idle[0][1]  # aiohttp takes the first, which has waited longest
        if self._silent < LIMITS.watched and rested >= self._watch:
            self._silent += 1
        elif rested < (self._rest if self._silent >= LIMITS.watched else self._watch):
            return None
        return await super()._get(key, traces)

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        full = self.misbehaved or len(self._conns.get(key, ())) >= self._most
        super()._release(key, protocol, should_close=should_close or full)
        protocol.idle = True


def session(headers: Mapping[str, str], timeout: float, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    """A client without cookies and without a limit of its own; `timeout` (seconds) is that of one request."""
    limits = aiohttp.ClientTimeout(total=timeout, sock_connect=min(LIMITS.connect_timeout, timeout))
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, timeout=limits, headers=headers, cookie_jar=jar)
