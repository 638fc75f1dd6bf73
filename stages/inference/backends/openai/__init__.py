"""Any OpenAI-compatible server: vllm serve, llama.cpp, hosted APIs; chat and completions.

The server and the model's name there come from a reference `endpoint:http://host:8000/v1#name`, or from the options.
"""

import asyncio
import math
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.core.redaction import Redactor, without_secrets
from stages.inference.backends.openai import error_responses, protocol
from stages.inference.backends.openai.concurrency import Pace, Slots
from stages.inference.backends.openai.credentials import api_key, proxy_of
from stages.inference.backends.openai.endpoint import Options, Target, capabilities, checked, identify, sent_sampling
from stages.inference.backends.openai.error_responses import Broken, Busy, Hopeless
from stages.inference.backends.openai.model_names import other_model
from stages.inference.backends.openai.server_scores import asks_scores, scored_body, without_scores
from stages.inference.reply_stream import Ended, PromptStream
from stages.reply_store.identity import reference_of

__all__ = ["OpenAI", "capabilities", "identify", "open_engine", "sent_sampling"]

LARGEST = 32 << 20
"""Bytes of a response, above which it counts as broken."""
IN_A_ROW = 8
"""Failures one after another that end the run: nothing is there, or it takes no such requests."""
LONG_IN_A_ROW = 100
"""The same for refusals after a success: some rows in a row may each be too long for the server."""
SAME_IN_A_ROW = 24
"""The same for refusals after a success that all give one reason which is not the length of a row."""
UNASKED = "sends responses that no request asked for; from now on each request has a connection of its own"
LONG = 20.0
"""Seconds of waiting from which people are told."""
KEPT = "replies received so far are kept, mend this and run again to go on"


@contextmanager
def open_engine(directory: Path, options: dict[str, Any]) -> Iterator["OpenAI"]:
    """An engine with an event loop in a thread of its own. Raises UserError for options that don't fit."""
    found, target = checked(reference_of(directory), options)
    engine = OpenAI(found, target, api_key(found.key_env), proxy_of(target.url))
    try:
        yield engine
    finally:
        engine.close()


class OpenAI:
    """An `Engine` over HTTP."""

    def __init__(self, options: Options, target: Target, key: str, proxy: str | None = None) -> None:
        """`key` stays in the request headers of this process."""
        import uvloop

        self.identity = target.model
        self._options, self._target, self._key, self._proxy = options, target, key, proxy
        self._redactor = Redactor(key)
        self._requested = str(options.extra.get("model", target.model))
        self._body = protocol.BODIES[options.api]
        limit = sent_sampling({"extra": options.extra}).get("max_tokens")
        self._limit = limit if isinstance(limit, int) else 0
        self._pace = Pace(options.concurrency, time.monotonic())
        self._slots = Slots(self._pace)
        self._remembers: Callable[[], bool] = lambda: False
        self._told: set[str] = set()
        self._failures = 0
        self._reasons = deque[str](maxlen=SAME_IN_A_ROW)
        self._served = False
        self._reached = 0.0  # when a server last said anything
        self._streams, self._tasks = set[PromptStream](), set[asyncio.Task[None]]()
        self._ended: Ended | None = None
        self._loop = uvloop.new_event_loop()  # a third less CPU a request than asyncio's own
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result()

    async def _connect(self) -> None:
        import aiohttp

        from stages.inference.backends.openai import http_connections

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._over = asyncio.Event()  # set once nothing more is sent
        self._url = self._target.url + protocol.PATHS[self._options.api]
        self._faults = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
        self._unreachable = aiohttp.ClientConnectorError
        self._dropped = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)
        session = partial(http_connections.session, headers, self._options.timeout)
        self._pool = http_connections.Connector(self._options.concurrency, keepalive_timeout=60)
        self._kept, self._fresh = session(self._pool), session(http_connections.Connector(0, force_close=True))

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of what has come back meanwhile. Raises UserError for what is true of every request."""
        stream = PromptStream()
        self._streams.add(stream)
        if self._ended:
            stream.results.put(self._ended)
        launch = partial(self._loop.call_soon_threadsafe, self._launch, stream)
        feeder = threading.Thread(target=stream.feed, args=(prompts, self._slots.enter, launch), daemon=True)
        feeder.start()
        try:
            for group in stream.groups():
                yield group
                # Only now that it is stored: what a kill -9 may cost is never more than was allowed at once.
                self._slots.leave(len(group))
        finally:
            self._streams.discard(stream)

    def _launch(self, stream: PromptStream, position: int, prompt: Prompt) -> None:
        if self._ended:
            return
        stream.launched += 1
        task = self._loop.create_task(self._answer(position, prompt, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, position: int, prompt: Prompt, stream: PromptStream) -> None:
        try:
            stream.results.put((position, await self._attempts(prompt)))
        except Hopeless as error:
            self._end(error)
            stream.results.put((position, None))
        except BaseException as error:
            stream.results.put(error)

    def _end(self, error: Hopeless) -> None:
        """Send nothing more and repeat nothing, but await what is under way: it may have been paid for."""
        if not self._ended:
            self._ended = Ended(UserError(f"{self._target.url}: {self._safe(error)}; {KEPT}"))
            self._over.set()
            self._slots.close()
            for stream in list(self._streams):
                stream.results.put(self._ended)

    async def _attempts(self, prompt: Prompt) -> Reply:
        scored = asks_scores(prompt, self._options.scores)
        self._tell([] if scored else protocol.unmet(prompt, self._options.dialect))
        data = self._body(prompt, self._target.model, self._options.dialect, self._options.extra, self._options.omit)
        data = scored_body(data, prompt, self._options.scores) if scored else data
        session, spent, tries, lost = self._kept, 0.0, 0, math.inf
        while True:
            session = self._session(session)
            try:
                reply = await self._once(session, data, prompt)
                if session is not self._session(session):
                    continue  # it may be the response to another request
                return self._noted(reply)
            except (Busy, Broken, *self._faults) as error:
                fault, dropped = error, isinstance(error, self._dropped)
            if session is self._kept and dropped and not isinstance(fault, self._unreachable):
                session = self._fresh  # the server may have closed a kept connection: once, that costs no attempt
                continue
            busy, tries = isinstance(fault, Busy), tries + 1
            spent += 0.1 if busy else 1.0
            if busy:
                self._pace.rejected(time.monotonic())
            else:
                session = self._fresh  # the rest of a response with a wrong length may still come on this one
                lost = min(lost, time.monotonic()) if dropped else math.inf
            if spent > self._options.attempts - 0.05 or self._over.is_set():
                return self._given_up(fault, lost, tries)
            await self._sleep(getattr(fault, "after", None), tries)

    def _session(self, wanted: Any) -> Any:
        """`wanted`, or where the server can't be trusted with more, one connection for each request."""
        if not self._pool.misbehaved:
            return wanted
        self._tell([UNASKED])
        return self._fresh

    def _given_up(self, fault: BaseException, lost: float, tries: int) -> Reply:
        """A failed reply. Raises Hopeless where since `lost` nothing has come from the server, to nobody.

        No connection at all, several in a row that were dropped, or a server that stays busy are no fault of the row's:
        as failed ones, however few, such rows would end up in what the stage makes.
        """
        error = self._safe(fault)
        if self._over.is_set():
            raise Hopeless(error)
        if isinstance(fault, Busy):
            raise Hopeless(f"too busy for a request that was sent {tries} times: {error}")
        unreachable = isinstance(fault, self._unreachable)
        if self._reached < lost < math.inf and (unreachable or self._failures + 1 >= IN_A_ROW):
            through = f" through the proxy of {urlsplit(self._url).scheme}_proxy" if self._proxy else ""
            raise Hopeless(f"can't be reached{through}, all requests in a row failed; the last: {error}")
        return self._noted(Reply("", "failed", 0, 0, error=error), IN_A_ROW)

    def _tell(self, remarks: Iterable[str], kind: str = "") -> None:
        """Print what a person should know of this server, each text once, or the first text of a `kind`."""
        for one in filter(None, remarks):
            if (kind or one) not in self._told:
                self._told.add(kind or one)
                print(f"seqit: {self._target.url}: {self._redactor.message(one)}", file=sys.stderr, flush=True)

    def _noted(self, reply: Reply, most: int = LONG_IN_A_ROW) -> Reply:
        """The reply; raises Hopeless when nothing but failures has come for so long that more of them are no use.

        `most`: how many in a row, once the server has answered any request.
        """
        self._failures = self._failures + 1 if reply.status == "failed" else 0
        self._reasons.append(error_responses.reason(reply.error) if reply.status == "failed" else "")
        if len(set(self._reasons)) == 1 and len(self._reasons) == SAME_IN_A_ROW and self._reasons[0]:
            most = SAME_IN_A_ROW
        self._served = self._served or reply.status != "failed"
        # Where others are remembered, the few that are asked may be those that failed before, each for its own reason.
        if self._failures >= (most if self._served or self._remembers() else IN_A_ROW):
            raise Hopeless(f"{self._failures} requests in a row failed; the last: {reply.error}")
        return reply

    async def _once(self, session: Any, data: bytes, prompt: Prompt) -> Reply:
        started = time.monotonic()
        async with session.post(self._url, data=data, proxy=self._proxy, allow_redirects=False) as response:
            self._reached = time.monotonic()
            received, scored = await _body_of(response), asks_scores(prompt, self._options.scores)
            reply = protocol.read(
                response.status, response.headers, received, prompt, data, scored, self._redactor,
                lambda remark: self._tell([remark]),
            )  # fmt: skip
        now = time.monotonic()
        self._pace.served(now - started, now)
        self._tell([other_model(self._requested, reply.served)], "model")
        self._tell([protocol.beyond_limit(reply, self._limit or prompt.sampling.max_tokens)], "limit")
        self._tell([without_scores(reply, prompt)])
        return reply

    async def _sleep(self, after: float | None, tries: int) -> None:
        """As long as the server says and a little longer, else twice as long each time, with jitter: never in step."""
        wait = min(60.0, 0.25 * 2.0**tries) * random.random() if after is None else after + random.random() * 0.1
        if after and after >= LONG:
            self._tell(["asks to wait (Retry-After), which is kept to; meanwhile nothing may seem to happen"])
        self._slots.pause()
        try:
            async with asyncio.timeout(wait):
                await self._over.wait()
        except TimeoutError:
            pass
        finally:
            await self._slots.resume()

    def _safe(self, error: BaseException) -> str:
        """An error for people, without the key should a server echo it."""
        # What aiohttp adds to an address says nothing, and misleads where that is plain http.
        text = (str(error) or type(error).__name__).replace(" ssl:default", "")
        # What a server said is cut already; what stands before it must not cut it once more.
        return protocol.printable(without_secrets(self._redactor.message(text)), longest=500)

    def use_history(self, remembers: Callable[[], bool]) -> None:
        """Where replies are remembered, the few that are sent may be those that failed before."""
        self._remembers = remembers

    def cancel(self) -> None:
        """Abandon what is under way; `answer` raises."""
        self._slots.close()
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])
        for stream in list(self._streams):
            stream.results.put(RuntimeError("the engine was closed"))

    def close(self) -> None:
        """Abandon what is under way and close the connections."""
        self.cancel()
        for session in (self._kept, self._fresh):
            asyncio.run_coroutine_threadsafe(session.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _body_of(response: Any) -> bytes:
    try:
        await response.content.readexactly(LARGEST)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    raise Broken(f"a reply of more than {LARGEST} bytes")
