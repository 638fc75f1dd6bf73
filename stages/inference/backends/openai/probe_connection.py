"""The HTTP connection of a probe: one request at a time, each on a connection of its own."""

import asyncio
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from stages.core.redaction import Redactor, without_secrets
from stages.inference.backends.openai import error_responses, http_connections
from stages.inference.backends.openai.dialect_probe import HttpResponse, NoAnswerError, Probe
from stages.inference.backends.openai.endpoint import Endpoint, Options, api_key, proxy_of
from stages.inference.backends.openai.reply_reader import printable
from stages.inference.backends.openai.request_body import PATHS

LONGEST = 300.0
"""Seconds for one request of a probe, or the option `timeout` where that is less. Some servers load a model first."""
LARGEST = 4 << 20
"""Bytes of a response that are read."""


class ProbeConnection:
    """A server under the options of an engine."""

    def __init__(self, options: Options, endpoint: Endpoint) -> None:
        """Raises UserError for an unusable API key or proxy."""
        self.options, self.endpoint = options, endpoint
        self._key, self._proxy = api_key(options.key_env), proxy_of(endpoint.url)
        self._redactor = Redactor(self._key)

    def probe(self, url: str = "", api: str = "") -> Probe:
        """A probe of this server, or of another address or API of it."""
        api, address = api or self.options.api, url or self.endpoint.url
        post = partial(self._send, "POST", address + PATHS[api])
        return Probe(post, api, self.endpoint.model, self.options.extra, time.sleep, self.text)

    def model_names(self) -> list[str]:
        """The models that the server lists; none where it lists none."""
        try:
            body = msgspec.json.decode(self._send("GET", f"{self.endpoint.url}/models", None).body)
            return [printable(str(one["id"])) for one in body["data"]]
        except (NoAnswerError, msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
            return []

    def text(self, message: str) -> str:
        """A server's message on one line, without the API key."""
        return printable(without_secrets(self._redactor.message(message)))

    def _send(self, method: str, url: str, data: bytes | None) -> HttpResponse:
        return asyncio.run(self._sent(method, url, data))

    async def _sent(self, method: str, url: str, data: bytes | None) -> HttpResponse:
        """A response; one with status 0 for a dropped connection. Raises NoAnswerError where nothing is there."""
        import aiohttp

        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        connector = aiohttp.TCPConnector(force_close=True)
        started = time.monotonic()
        async with http_connections.session(headers, min(LONGEST, self.options.timeout), connector) as session:
            try:
                async with session.request(method, url, data=data, proxy=self._proxy, allow_redirects=False) as reply:
                    body = await _read(reply)
            except aiohttp.ClientConnectorSSLError:
                place = urlsplit(url).netloc
                raise NoAnswerError(f"{place} answers without TLS; write http:// in place of https://") from None
            except aiohttp.ClientConnectorError:
                raise NoAnswerError(f"nothing answers at {urlsplit(url).netloc}; is the server started?") from None
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                text = self.text(str(error)) or f"no response within {min(LONGEST, self.options.timeout):.0f} s"
                return HttpResponse(0, None, text.encode(), time.monotonic() - started)
        wait = error_responses.retry_after(reply.headers.get("Retry-After"))
        return HttpResponse(
            reply.status, wait, self._redactor.data(body, reply.status == 200), time.monotonic() - started
        )


async def _read(response: Any) -> bytes:
    try:
        return bytes(await response.content.readexactly(LARGEST))
    except asyncio.IncompleteReadError as ended:
        return ended.partial
