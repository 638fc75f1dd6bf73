"""The order in which waiting requests are sent: those with one prefix in a row, without starving the others.

A server with a prefix cache (vLLM's prefix caching, llama.cpp's slots) computes a prefix less often if its requests
arrive together. Replies are matched to prompts by key, so no result depends on this.
"""

from collections import deque
from heapq import heappop, heappush

from stages.reply_store.keys import Request

LOOKAHEAD = 1024
"""Requests kept waiting to be grouped; bounds memory. Without grouping, `session.BACKLOG` is enough."""


class RequestQueue:
    """Waiting requests. At most `most` with one prefix are taken in a row; then the prefix that has waited longest.

    So none waits longer than it takes to send `most` requests of each other prefix. With `most` 1 it is first in, first
    out.
    """

    def __init__(self, most: int) -> None:
        """`most`: at least 1."""
        self._most = most
        self._waiting: dict[str, deque[tuple[int, Request]]] = {}
        self._oldest: list[tuple[int, str]] = []  # a heap; entries whose request has gone are skipped
        self._current = ""
        self._run = self._put = self._count = 0

    def __len__(self) -> int:
        """The number of waiting requests."""
        return self._count

    def put(self, request: Request) -> None:
        """Add a request."""
        prefix = request.prompt.prefix if self._most > 1 else ""
        line = self._waiting.setdefault(prefix, deque())
        if not line:
            heappush(self._oldest, (self._put, prefix))
        line.append((self._put, request))
        self._put += 1
        self._count += 1

    def head(self) -> Request:
        """The request that `pop` would take. Raises IndexError if the queue is empty."""
        return self._current_line()[0][1]

    def pop(self) -> Request:
        """Remove the next request and return it. Raises IndexError if the queue is empty."""
        line = self._current_line()
        _, request = line.popleft()
        self._run += 1
        self._count -= 1
        if not line:
            del self._waiting[self._current]
        return request

    def _current_line(self) -> "deque[tuple[int, Request]]":
        line = self._waiting.get(self._current)
        if line and self._run < self._most:
            return line
        if line:
            heappush(self._oldest, (line[0][0], self._current))
        self._current, self._run = self._longest_waiting(), 0
        return self._waiting[self._current]

    def _longest_waiting(self) -> str:
        """The prefix whose first request has waited longest."""
        while True:
            number, prefix = heappop(self._oldest)
            line = self._waiting.get(prefix)
            if line and line[0][0] == number:
                return prefix
