"""The engine `openai`: any OpenAI-compatible server (vllm serve, llama.cpp, hosted APIs), by chat or completions.

The server and the model's name there come from a reference `endpoint:http://host:8000/v1#name`, or from the options.
"""

import asyncio
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.core.redaction import Redactor, without_secrets
from stages.core.run_messages import is_first_in_run
from stages.inference.backends.openai import dialects, endpoint, request_body, server_check
from stages.inference.backends.openai.batch_engine import BatchEngine, batch_engine
from stages.inference.backends.openai.client_limits import LIMITS, Attempts, FailureCounter
from stages.inference.backends.openai.concurrency import AdaptiveLimit, RequestSlots
from stages.inference.backends.openai.error_responses import BusyError, FatalError, TransientError, repeated_reason
from stages.inference.backends.openai.model_names import other_model
from stages.inference.backends.openai.reply_reader import over_limit_message, printable, read_reply
from stages.inference.backends.openai.reply_stream import NoMoreRequests, ReplyStream
from stages.inference.backends.openai.server_scores import missing_scores_message, requests_scores, scored_body
from stages.inference.engine_interface import Backend
from stages.reply_store.identity import reference_of

UNREQUESTED = "sends responses that no request asked for; from now on each request has a connection of its own"
RESUME = "replies received so far are kept, mend this and run again to go on"


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator["OpenAI | BatchEngine"]:
    """An engine with an event loop in its own thread, or one that sends batches. Raises UserError for bad options."""
    reference = reference_of(directory)
    parsed, server = endpoint.read_endpoint(reference, options)
    engine: OpenAI | BatchEngine
    batched = bool(parsed.batch)
    engine = batch_engine(parsed, server, endpoint.identify(reference, options)) if batched else OpenAI(parsed, server)
    try:
        yield engine
    finally:
        engine.close()


class OpenAI:
    """An `Engine` over HTTP."""

    def __init__(self, options: endpoint.Options, server: endpoint.Endpoint) -> None:
        """The key appears in request headers of this process only. Raises UserError for an unusable key or proxy."""
        import uvloop

        self.identity, self._options, self._endpoint = server.model, options, server
        self._key, self._proxy = endpoint.api_key(options.key_env), endpoint.proxy_of(server.url)
        self._redactor = Redactor(self._key)
        self._dialect = endpoint.settled(options)
        self._requested_model = str(options.extra.get("model", server.model))
        self._body = request_body.BODIES[options.api]
        limit = endpoint.sent_sampling({"extra": options.extra}).get("max_tokens")
        self._token_limit = limit if isinstance(limit, int) else 0
        self._limit = AdaptiveLimit(options.concurrency, time.monotonic())
        self._slots = RequestSlots(self._limit)
        self._has_cached_replies: Callable[[], bool] = lambda: False
        self._reported: set[str] = set()
        self._failures = FailureCounter()
        self._last_response = 0.0  # when any response last began
        self._streams, self._tasks = set[ReplyStream](), set[asyncio.Task[None]]()
        self._ended: NoMoreRequests | None = None
        self._loop = uvloop.new_event_loop()  # a third less CPU a request than asyncio's own
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open_sessions(), self._loop).result()

    async def _open_sessions(self) -> None:
        import aiohttp

        from stages.inference.backends.openai import http_connections

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._no_more = asyncio.Event()  # set once nothing more is sent
        self._url = self._endpoint.url + request_body.PATHS[self._options.api]
        self._faults = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
        self._unreachable = aiohttp.ClientConnectorError
        self._dropped = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)
        session = partial(http_connections.session, headers, self._options.timeout)
        self._pool = http_connections.Connector(self._options.concurrency, keepalive_timeout=60)
        self._pooled, self._unpooled = session(self._pool), session(http_connections.Connector(0, force_close=True))

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of the replies that have arrived meanwhile. Raises UserError for what is true of every request."""
        stream = ReplyStream()
        self._streams.add(stream)
        if self._ended:
            stream.events.put(self._ended)
        launch = partial(self._loop.call_soon_threadsafe, self._launch, stream)
        sender = threading.Thread(target=stream.send, args=(prompts, self._slots.enter, launch), daemon=True)
        sender.start()
        try:
            for group in stream.groups():
                yield group
                # Only now that it is stored: what a kill -9 may cost is never more than was allowed at once.
                self._slots.leave(len(group))
        finally:
            self._streams.discard(stream)

    def _launch(self, stream: ReplyStream, position: int, prompt: Prompt) -> None:
        if self._ended:
            return
        stream.launched += 1
        task = self._loop.create_task(self._answer(position, prompt, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, position: int, prompt: Prompt, stream: ReplyStream) -> None:
        try:
            reply = await self._request(prompt)
            if reply.status == "failed":
                self._report([f"{prompt.purpose}: failed, as may others: {reply.error}"], repeated_reason(reply.error))
            stream.events.put((position, reply))
        except FatalError as error:
            self._end(error)
            stream.events.put((position, None))
        except BaseException as error:
            stream.events.put(error)

    def _end(self, error: FatalError) -> None:
        """Send and repeat nothing more, but await what is in flight: it may have been paid for."""
        if not self._ended:
            text = self._error_text(error)
            address = endpoint.with_version(self._endpoint.url) if text.startswith(("HTTP 404", "HTTP 405")) else ""
            remedy = f"; try {address} in the model's reference" if address else ""
            self._ended = NoMoreRequests(UserError(f"{self._endpoint.url}: {text}{remedy}; {RESUME}"))
            self._no_more.set()
            self._slots.close()
            for stream in list(self._streams):
                stream.events.put(self._ended)

    async def _request(self, prompt: Prompt) -> Reply:
        """The reply to one prompt, after as many attempts as it takes. Raises FatalError."""
        data = self._request_body(prompt)
        attempts = Attempts(self._pooled)
        while True:
            attempts.session = self._trusted(attempts.session)
            try:
                reply = await self._attempt(attempts.session, data, prompt)
            except (BusyError, TransientError, *self._faults) as error:
                fault = error
            else:
                if attempts.session is self._trusted(attempts.session):
                    return self._counted(reply)
                continue  # it may be the response to another request
            if self._retry_at_once(attempts, fault):
                continue
            if attempts.spent > self._options.attempts - LIMITS.busy_cost / 2 or self._no_more.is_set():
                return self._give_up(fault, attempts)
            await self._wait(fault.retry_after if isinstance(fault, BusyError) else None, attempts.sent)

    def _request_body(self, prompt: Prompt) -> bytes:
        options = self._options
        scored = requests_scores(prompt, options.scores)
        self._report([] if scored else request_body.unsupported_parts(prompt, self._dialect, options.omit))
        data = self._body(prompt, self._endpoint.model, self._dialect, options.extra, options.omit)
        return scored_body(data, prompt, options.scores) if scored else data

    def _retry_at_once(self, attempts: Attempts, fault: BaseException) -> bool:
        """Count a failed attempt. Returns whether it costs nothing, since the server may have closed a pooled
        connection just then."""
        dropped, busy = isinstance(fault, self._dropped), isinstance(fault, BusyError)
        if attempts.session is self._pooled and dropped and not isinstance(fault, self._unreachable):
            attempts.session = self._unpooled
            return True
        attempts.sent += 1
        attempts.spent += LIMITS.busy_cost if busy else 1.0
        if busy:
            self._limit.record_rejection(time.monotonic())
            return False
        attempts.session = self._unpooled  # the rest of a response with a wrong length may still come on this one
        attempts.dropped_since = min(attempts.dropped_since, time.monotonic()) if dropped else math.inf
        return False

    def _trusted(self, session: Any) -> Any:
        """`session`, or one with a connection for each request once the server has sent unrequested bytes."""
        if not self._pool.misbehaved:
            return session
        self._report([UNREQUESTED])
        return self._unpooled

    def _give_up(self, fault: BaseException, attempts: Attempts) -> Reply:
        """A failed reply. Raises FatalError where no request has got a response since `attempts.dropped_since`.

        An unreachable server, several dropped requests in a row, or a server that stays busy are no fault of the row:
        as failed replies, however few, such rows would end up in what the stage writes.
        """
        error = self._error_text(fault)
        if self._no_more.is_set():
            raise FatalError(error)
        if isinstance(fault, BusyError):
            raise FatalError(f"too busy for a request that was sent {attempts.sent} times: {error}")
        unreachable = isinstance(fault, self._unreachable)
        too_many = self._failures.in_a_row + 1 >= LIMITS.failures
        if self._last_response < attempts.dropped_since < math.inf and (unreachable or too_many):
            through = f" through the proxy of {urlsplit(self._url).scheme}_proxy" if self._proxy else ""
            raise FatalError(f"can't be reached{through}, all requests in a row failed; the last: {error}")
        return self._counted(Reply("", "failed", 0, 0, error=error), LIMITS.failures)

    def _report(self, messages: Iterable[str], kind: str = "") -> None:
        """Print messages about this server, each text once, or only the first text of a `kind`."""
        for message in filter(None, messages):
            if (kind or message) not in self._reported:
                self._reported.add(kind or message)
                print(f"seqit: {self._endpoint.url}: {self._redactor.message(message)}", file=sys.stderr, flush=True)

    def _counted(self, reply: Reply, limit: int = LIMITS.failures_after_success) -> Reply:
        """The reply, counted. Raises FatalError after too many failures in a row (see `FailureCounter.add`)."""
        self._failures.add(reply, self._has_cached_replies(), limit)
        return reply

    async def _attempt(self, session: Any, data: bytes, prompt: Prompt) -> Reply:
        started = time.monotonic()
        async with session.post(self._url, data=data, proxy=self._proxy, allow_redirects=False) as response:
            self._last_response = time.monotonic()
            body, scored = await _read_body(response), requests_scores(prompt, self._options.scores)
            reply = read_reply(
                response.status, response.headers, body, prompt, data, scored, self._redactor,
                lambda message: self._report([message]),
            )  # fmt: skip
        now = time.monotonic()
        self._limit.record_reply(now - started, now)
        if other := other_model(self._requested_model, reply.served):
            self._report([other] if is_first_in_run(f"{self._endpoint.url} {other}") else [], "model")
        self._report([over_limit_message(reply, self._token_limit or prompt.sampling.max_tokens)], "limit")
        self._report([missing_scores_message(reply, prompt)])
        return reply

    async def _wait(self, retry_after: float | None, sent: int) -> None:
        """Wait as long as the server says and up to 0.1 s longer; else up to twice as long each time, at random.

        Without that jitter all waiting requests would come back in step.
        """
        longest = min(LIMITS.longest_backoff, LIMITS.first_backoff / 2 * 2.0**sent)
        wait = longest * random.random() if retry_after is None else retry_after + random.random() * 0.1
        if retry_after and retry_after >= LIMITS.reported_wait:
            self._report(["asks to wait (Retry-After), which is kept to; meanwhile nothing may seem to happen"])
        self._slots.pause()
        try:
            async with asyncio.timeout(wait):
                await self._no_more.wait()
        except TimeoutError:
            pass
        finally:
            await self._slots.resume()

    def _error_text(self, error: BaseException) -> str:
        """An error in one line, without the API key should a server echo it."""
        # aiohttp's addition to an address has no meaning here, and misleads where the address is plain http.
        text = (str(error) or type(error).__name__).replace(" ssl:default", "")
        # A server's own message is shortened already; the limit here must not shorten it again.
        return printable(without_secrets(self._redactor.message(text)), longest=500)

    def use_history(self, has_cached_replies: Callable[[], bool]) -> None:
        """Where replies are cached, the few requests that are sent may be those that failed before."""
        self._has_cached_replies = has_cached_replies

    def cancel(self) -> None:
        """Abandon the requests in flight; `answer` raises."""
        self._slots.close()
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])
        for stream in list(self._streams):
            stream.events.put(RuntimeError("the engine was closed"))

    def close(self) -> None:
        """Abandon the requests in flight and close the connections."""
        self.cancel()
        for session in (self._pooled, self._unpooled):
            asyncio.run_coroutine_threadsafe(session.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _read_body(response: Any) -> bytes:
    try:
        await response.content.readexactly(LIMITS.response_bytes)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    raise TransientError(f"a reply of more than {LIMITS.response_bytes} bytes")


BACKEND = Backend(
    endpoint.identify, endpoint.capabilities, open_engine, endpoint.sent_sampling, dialects.settle, server_check.check
)
