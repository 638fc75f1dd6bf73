"""The batch mode of the engine `openai`: requests are uploaded in files, and replies fetched when the server has them.

A batch is sent when it is full, when no more prompts will come, or when none has come for a moment, as the next ones
depend on its replies. What is at the server is recorded before it is sent (`batch_records`), so that a later process
goes on with it: nothing is uploaded or paid for twice. Replies have the keys that they would have without batches.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.core.redaction import Redactor
from stages.core.state_folder import store_path
from stages.inference.backends.openai import batch_forms, endpoint
from stages.inference.backends.openai.batch_client import BatchClient
from stages.inference.backends.openai.batch_forms import BatchState, ResultLine
from stages.inference.backends.openai.batch_records import BatchRecord, BatchRecords, records_folder
from stages.inference.backends.openai.batch_requests import BatchRequests, Waiting
from stages.inference.backends.openai.client_limits import FailureCounter
from stages.inference.backends.openai.error_responses import FatalError
from stages.inference.backends.openai.prompt_collector import PromptCollector
from stages.inference.backends.openai.reply_stream import LARGEST_GROUP
from stages.reply_store.identity import Identity
from stages.reply_store.keys import request
from stages.reply_store.store import Replies

PAUSE = 5.0
"""Seconds without a new prompt after which those collected so far are sent; no longer than the option `poll`."""
MESSAGE_PERIOD = 60.0
"""Seconds between two messages about a batch that makes progress."""
TOO_MANY = ("token_limit_exceeded", "request_limit_exceeded")
"""Codes of batches that were refused because the server holds too much of this account already."""
Stored = Callable[[list[bytes]], Iterable[bytes]]
"""Keys -> those that the reply store has."""


NO_LIMIT = 10**9
"""Failures in a row after a success that end a run: none, since a batch is paid for before its replies are read."""


class ClosedError(RuntimeError):
    """The engine was closed while it waited."""


class BatchEngine:
    """An `Engine` whose requests go to the server in files."""

    def __init__(
        self, options: endpoint.Options, server: endpoint.Endpoint, identity: Identity, folder: Path, stored: Stored
    ) -> None:
        """folder: of the records. stored: looks up the reply store. Raises UserError for an unusable key or proxy."""
        assert options.batch
        self.identity = server.model
        self._options, self._server, self._reply_identity = options, server, identity
        self._batch, self._stored = options.batch, stored
        self._closed = threading.Event()
        self._client = BatchClient(options, server, self._wait)
        self._records = BatchRecords(folder, server.url)
        self._lock = threading.Lock()
        """Held while records are refreshed, sent or downloaded: several calls of `answer` may share a batch."""
        self._limit = self._batch.requests
        self._failures = FailureCounter()
        self._has_cached_replies: Callable[[], bool] = lambda: False
        redactor = Redactor(endpoint.api_key(options.key_env))
        self._requests = BatchRequests(options, options.batch, server.model, redactor, self._report)
        self._reported: set[str] = set()
        self._last_message = -MESSAGE_PERIOD

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
        """Groups of replies as batches come back. Raises UserError for what is true of every request."""
        try:
            yield from self._answer(PromptCollector(prompts))
        except FatalError as error:
            raise UserError(
                f"{self._server.url}: {self._client.text(str(error))}; replies received so far are kept, mend this "
                "and run again to go on"
            ) from None

    def _answer(self, prompts: PromptCollector) -> Iterator[list[tuple[int, Reply]]]:
        fresh: list[Waiting] = []
        sent: dict[str, list[Waiting]] = {}
        """Tag of a batch -> prompts that wait for it."""
        while fresh or sent or not prompts.ended:
            arrived = self._arrived(prompts, self._limit - len(fresh))
            fresh += self._attach(arrived, sent)
            while len(fresh) >= self._limit or (fresh and (prompts.ended or not arrived)):
                fresh = self._send(fresh, sent)
            for tag in [*sent]:
                record = self._records.known(tag)
                if record is None:  # refused by the server, as another call learnt
                    fresh += sent.pop(tag)
                elif ended := self._ended(record):
                    yield from self._replies(record, ended, sent.pop(tag), fresh)
            if sent and not arrived:
                self._wait(self._batch.poll)

    def _arrived(self, prompts: PromptCollector, most: int) -> list[Waiting]:
        """Prompts that have come meanwhile, with their keys."""
        arrived = prompts.take(max(1, most), min(PAUSE, self._batch.poll))
        if self._closed.is_set():
            raise ClosedError("the engine was closed")
        return [Waiting(position, self._key(prompt), prompt) for position, prompt in arrived]

    def _key(self, prompt: Prompt) -> str:
        return request(self._reply_identity, prompt).key.hex()

    def _attach(self, arrived: list[Waiting], sent: dict[str, list[Waiting]]) -> list[Waiting]:
        """Have prompts wait for a batch that holds them already; returns the others."""
        if not arrived:
            return []
        fresh = []
        with self._lock:
            self._refresh()
            for one in arrived:
                record = self._records.holding(one.key)
                if record is not None and self._resumed(record):
                    sent.setdefault(record.tag, []).append(one)
                else:
                    fresh.append(one)
        return fresh

    def _refresh(self) -> None:
        """Read records of other processes, and settle what the reply store has of them."""
        for record in self._records.refresh():
            stored = self._stored([bytes.fromhex(key) for key in record.keys])
            self._records.settle(record, [key.hex() for key in stored])

    def _resumed(self, record: BatchRecord) -> bool:
        """Whether the server has the batch of a record, also one that an ended process had not come to record."""
        if record.batch:
            return True
        if batch := self._client.find(record.tag):
            record.batch = batch.id
        else:
            record.file = record.file or self._client.find_file(self._records.upload_of(record).name)
            if not record.file:
                self._records.drop(record)
                return False
            self._create(record)
        self._records.save(record)
        self._tell(f"goes on with batch {record.batch} of an earlier run ({len(record.keys):,} requests)")
        return True

    def _send(self, fresh: list[Waiting], sent: dict[str, list[Waiting]]) -> list[Waiting]:
        """Send as much as one batch takes; returns what is left."""
        with self._lock:
            record = self._records.new(self._batch.form)
            count = self._requests.write(self._records.upload_of(record), fresh[: self._limit])
            taken, left = fresh[:count], fresh[count:]
            self._records.assign(record, [one.key for one in taken])
            record.file = self._client.upload(self._records.upload_of(record))
            self._records.save(record)
            self._create(record)
            self._records.save(record)
            self._records.upload_of(record).unlink(missing_ok=True)
        self._tell(f"batch {record.batch}: {len(taken):,} requests sent, to be answered within {self._batch.hours} h")
        sent[record.tag] = taken
        return left

    def _create(self, record: BatchRecord) -> None:
        payload = batch_forms.creation(
            self._batch.form, record.file, self._server.model, self._requests.path, self._batch.hours, record.tag
        )
        record.batch = self._client.create(payload, record.tag).id

    def _ended(self, record: BatchRecord) -> BatchState | None:
        """The last state of a batch, whose results are on this disk then; None while it is under way."""
        with self._lock:
            state = self._client.state(record.batch)
            if state.phase == "running":
                self._tell_progress(record, state)
                return None
            path = self._records.results_of(record)
            if not path.exists() and state.phase != "failed":
                self._client.download(state, path)
            return state

    def _replies(
        self, record: BatchRecord, state: BatchState, waiting: list[Waiting], fresh: list[Waiting]
    ) -> Iterator[list[tuple[int, Reply]]]:
        """The replies of a batch that has ended. What it did not answer is added to `fresh`.

        Raises FatalError, behind the last reply, for what is true of every request.
        """
        if state.phase == "failed":
            fresh += self._refused(record, state, waiting)
            return
        by_key = {one.key: one for one in waiting}
        again: list[Waiting] = []
        fatal: list[str] = []
        replies = self._read_results(record, by_key, again, fatal)
        while group := list(islice(replies, LARGEST_GROUP)):
            yield group
        again += [self._missing(one, state) for one in by_key.values()]
        # Only now: until here, a process that ends leaves a record of what the server was paid for.
        with self._lock:
            self._records.settle(record, [one.key for one in waiting])
        if fatal:
            raise FatalError(fatal[0])
        if state.phase == "cancelled":
            raise FatalError(
                f"batch {record.batch} was cancelled at the server, {len(again):,} requests of it are open"
            )
        if again:
            self._tell(f"batch {record.batch}: {len(again):,} of {len(waiting):,} requests are sent again")
        fresh += again

    def _read_results(
        self, record: BatchRecord, by_key: dict[str, Waiting], again: list[Waiting], fatal: list[str]
    ) -> Iterator[tuple[int, Reply]]:
        """(position, reply) of each usable result of `by_key`, which are taken out of it.

        What is to be sent again is added to `again`, what is true of every request to `fatal`.
        """
        for line in self._results(record):
            one = by_key.pop(line.key, None)
            if one is None:
                continue
            try:
                reply = self._requests.read(line, one)
                if reply is not None:
                    self._failures.add(reply, self._has_cached_replies(), NO_LIMIT)
            except FatalError as error:
                fatal.append(str(error))
                reply = None
            if reply is None:
                again.append(one)
            else:
                yield one.position, reply

    def _refused(self, record: BatchRecord, state: BatchState, waiting: list[Waiting]) -> list[Waiting]:
        """What to send again of a batch that the server refused as a whole. Raises FatalError where that is no use."""
        reasons = "; ".join(f"{code}: {message}" for code, message in state.errors) or "without a reason"
        with self._lock:
            self._records.drop(record)
        if not any(code in TOO_MANY for code, _ in state.errors) or len(waiting) < 2:
            raise FatalError(f"batch {record.batch} was refused: {reasons}")
        self._limit = max(1, len(waiting) // 2)
        self._tell(f"batch {record.batch} was refused ({reasons}); from now on {self._limit:,} requests a batch")
        return waiting

    def _results(self, record: BatchRecord) -> Iterator[ResultLine]:
        path = self._records.results_of(record)
        if path.exists():
            with path.open("rb") as lines:
                yield from batch_forms.read_results(lines)

    def _missing(self, one: Waiting, state: BatchState) -> Waiting:
        if one.failed("", self._options.attempts):
            raise FatalError(
                f"batch {state.id}: {one.attempts} batches in a row came back without {one.prompt.purpose}"
            )
        return one

    def _tell_progress(self, record: BatchRecord, state: BatchState) -> None:
        if state.total and time.monotonic() - self._last_message >= MESSAGE_PERIOD:
            self._tell(f"batch {record.batch}: {state.answered:,} of {state.total:,} requests answered")

    def _tell(self, message: str) -> None:
        self._last_message = time.monotonic()
        print(f"seqit: {self._server.url}: {self._client.text(message)}", file=sys.stderr, flush=True)

    def _report(self, message: str) -> None:
        if message not in self._reported:
            self._reported.add(message)
            self._tell(message)

    def _wait(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise ClosedError("the engine was closed")

    def use_history(self, has_cached_replies: Callable[[], bool]) -> None:
        """Where replies are cached, the few requests that are sent may be those that failed before."""
        self._has_cached_replies = has_cached_replies

    def cancel(self) -> None:
        """Stop waiting; batches go on at the server, and a later run fetches their replies."""
        self._closed.set()

    def close(self) -> None:
        """Stop waiting, and tell what is still at the server."""
        self.cancel()
        for record in self._records.open_at_server():
            self._tell(f"batch {record.batch} goes on there; run again to fetch its {len(record.keys):,} replies")


def batch_engine(options: endpoint.Options, server: endpoint.Endpoint, identity: Identity) -> BatchEngine:
    """The engine, with its records beside the reply store. Raises UserError for an unusable key, proxy or store."""
    store = store_path()

    def stored(keys: list[bytes]) -> list[bytes]:
        with Replies(store) as replies:
            return [*replies.find(keys, identity.model)]

    return BatchEngine(options, server, identity, records_folder(), stored)
