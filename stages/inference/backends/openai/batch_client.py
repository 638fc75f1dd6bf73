"""The HTTP requests of a batch API: upload, create, look, download; each repeated while the fault may pass."""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stages.core.atomic_write import disk, replacing
from stages.core.redaction import Redactor, without_secrets
from stages.inference.backends.openai import batch_forms, error_responses, http_connections
from stages.inference.backends.openai.batch_forms import BatchState, UnreadableError
from stages.inference.backends.openai.client_limits import LIMITS
from stages.inference.backends.openai.endpoint import Endpoint, Options, api_key, proxy_of
from stages.inference.backends.openai.error_responses import FatalError, TransientError
from stages.inference.backends.openai.reply_reader import printable

T = TypeVar("T")
PAGES = 20
"""Pages of the list of batches, of 100 each, in which one of ours is looked for."""
CHUNK = 1 << 20
"""Bytes of a download that are written at a time."""
LONGEST = 3600.0
"""Seconds that an upload or a download may take."""


class BatchClient:
    """The batch API of one server. Each method raises FatalError for what further attempts can't cure."""

    def __init__(self, options: Options, server: Endpoint, wait: Callable[[float], None]) -> None:
        """wait: sleeps so many seconds, and raises where the engine is closed meanwhile."""
        assert options.batch
        self._options, self._url, self._form = options, server.url, options.batch.form
        self._key, self._proxy, self._wait = api_key(options.key_env), proxy_of(server.url), wait
        self._redactor = Redactor(self._key)
        self._batches = batch_forms.BATCHES[self._form]

    def upload(self, path: Path) -> str:
        """The id of the uploaded file, whose name there is the name here."""
        return self._repeated(lambda: batch_forms.read_id(self._upload(path)))

    def find_file(self, name: str) -> str:
        """The id of an uploaded file by its name; "" where the server lists none."""
        body = self._repeated(lambda: self._call("GET", "/files?purpose=batch"))
        return self._read(batch_forms.read_file_names, body).get(name, "")

    def create(self, payload: dict[str, Any], tag: str) -> BatchState:
        """The batch that is created. One that an attempt created whose response was lost is recognised by its tag."""
        attempts = 0

        def attempt() -> BatchState:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and (created := self.find(tag)):
                return created
            body = self._call("POST", self._batches, msgspec.json.encode(payload))
            return batch_forms.read_state(self._form, body)

        return self._repeated(attempt)

    def state(self, batch: str) -> BatchState:
        """What the server says of a batch."""
        return self._repeated(
            lambda: batch_forms.read_state(self._form, self._call("GET", f"{self._batches}/{batch}"))
        )  # fmt: skip

    def find(self, tag: str) -> BatchState | None:
        """The batch with this tag among the newest; None where there is none."""
        after = ""
        for page in range(PAGES):
            query = f"page={page}&page_size=100" if self._form == "mistral" else f"limit=100{after}"
            body = self._repeated(lambda query=query: self._call("GET", f"{self._batches}?{query}"))  # type: ignore[misc]
            states, last = self._read(lambda body: batch_forms.read_states(body, self._form), body)
            for state in states:
                if state.tag == tag:
                    return state
            if not states or (self._form == "openai" and not last):
                break
            after = f"&after={last}"
        return None

    def download(self, state: BatchState, target: Path) -> None:
        """Write the results of a batch to `target`, whole or not at all.

        A file that was cut is fetched again, also where it was cut between two lines: then it holds fewer results than
        the batch has. Where it still does after the last attempt, `target` gets what there is.
        """
        parts = [target.with_name(f"{target.name}.{number}") for number, _ in enumerate(state.files)]
        try:
            for attempt in range(self._options.attempts):
                counts = [self._repeated(partial(self._download, *one)) for one in zip(state.files, parts, strict=True)]
                if sum(counts) >= state.answered or attempt + 1 == self._options.attempts:
                    break
                self._wait(LIMITS.first_backoff)
            with replacing(target) as whole:
                for part in parts:
                    with disk(target), part.open("rb") as lines:
                        whole.writelines(line.rstrip(b"\n") + b"\n" for line in lines)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)

    def text(self, message: str) -> str:
        """A server's message on one line, without the API key."""
        return printable(without_secrets(self._redactor.message(message)))

    def _read(self, read: Callable[[bytes], T], body: bytes) -> T:
        try:
            return read(body)
        except UnreadableError as error:
            raise FatalError(f"answers with {error}; is this an address with a batch API?") from None

    def _repeated(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, after as many attempts as the option says."""
        for number in range(1, self._options.attempts + 1):
            wait = LIMITS.first_backoff * 2.0**number * random.random()
            try:
                return attempt()
            except error_responses.BusyError as error:
                fault: Exception = error
                wait = error.retry_after if error.retry_after is not None else wait
            except (TransientError, UnreadableError) as error:
                fault = error
            if number < self._options.attempts:
                self._wait(min(wait, LIMITS.longest_backoff))
        raise FatalError(f"{self.text(str(fault))} ({self._options.attempts} attempts)")

    def _call(self, method: str, path: str, data: bytes | None = None) -> bytes:
        headers = {"Content-Type": "application/json"} if data is not None else {}
        return asyncio.run(self._sent(method, path, headers, lambda _: data, _read_all))

    def _upload(self, path: Path) -> bytes:
        def form(stream: Any) -> Any:
            import aiohttp

            fields = aiohttp.FormData()
            fields.add_field("purpose", "batch")
            fields.add_field("file", stream, filename=path.name, content_type="application/jsonl")
            return fields

        with path.open("rb") as stream:
            return asyncio.run(self._sent("POST", "/files", {}, lambda _: form(stream), _read_all))

    def _download(self, file: str, part: Path) -> int:
        """Write a file of results to `part`; returns how many it holds. Raises UnreadableError where it was cut."""
        with replacing(part) as stream:

            async def write(response: Any) -> bytes:
                async for chunk in response.content.iter_chunked(CHUNK):
                    with disk(part):
                        stream.write(chunk)
                return b""

            asyncio.run(self._sent("GET", f"/files/{file}/content", {}, lambda _: None, write))
        with part.open("rb") as lines:
            return sum(1 for _ in batch_forms.read_results(lines))

    async def _sent(
        self, method: str, path: str, headers: dict[str, str], data: Callable[[None], Any],
        read: Callable[[Any], Any],
    ) -> bytes:  # fmt: skip
        """The body of a response. Raises BusyError, TransientError or FatalError for one that is no success."""
        import aiohttp

        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        connector = aiohttp.TCPConnector(force_close=True)
        async with http_connections.session(headers, LONGEST, connector) as session:
            try:
                async with session.request(
                    method, self._url + path, data=data(None), proxy=self._proxy, allow_redirects=True
                ) as response:
                    if 200 <= response.status < 300:
                        return bytes(await read(response))
                    body = await _read_all(response)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise TransientError(self.text(f"{str(error) or type(error).__name__}")) from None
        return self._failed(response.status, response.headers, body)

    def _failed(self, status: int, headers: Any, body: bytes) -> bytes:
        error = error_responses.parse_error(body)
        retry_after = error_responses.retry_after(headers.get("Retry-After"))
        kind = error_responses.classify(status, error, (), retry_after).kind
        reason = self.text(f"HTTP {status}: {error.text}")
        if kind == "busy":
            raise error_responses.BusyError(reason, retry_after)
        if kind == "transient":
            raise TransientError(reason)
        raise FatalError(reason)


async def _read_all(response: Any) -> bytes:
    return bytes(await response.read())
