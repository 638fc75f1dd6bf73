"""The order in which waiting requests are sent: those that begin alike one after another, nobody waiting for long.

A server that remembers the beginnings it has computed (vLLM's prefix caching, llama.cpp's slots) computes each of them
less often the nearer together its requests come. Replies are matched to prompts by key, so no result depends on this.
"""

from collections import deque
from heapq import heappop, heappush

from stages.reply_store.keys import Request

LOOKAHEAD = 1024
"""Requests kept waiting to be grouped: what bounds memory. Without grouping, `streams.BACKLOG` is enough."""


class Queue:
    """Requests that wait. At most `most` with one prefix go in a row; then the prefix that has waited longest.

    So none waits longer than it takes to send `most` of each other prefix. `most` 1 is first come, first served.
    """

    def __init__(self, most: int) -> None:
        """`most`: at least 1."""
        self._most = most
        self._waiting: dict[str, deque[tuple[int, Request]]] = {}
        self._oldest: list[tuple[int, str]] = []  # a heap; entries whose request has gone are skipped
        self._current = ""
        self._run = self._put = self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def put(self, request: Request) -> None:
        """One more."""
        prefix = request.prompt.prefix if self._most > 1 else ""
        line = self._waiting.setdefault(prefix, deque())
        if not line:
            heappush(self._oldest, (self._put, prefix))
        line.append((self._put, request))
        self._put += 1
        self._count += 1

    def head(self) -> Request:
        """The one that `pop` would take. Raises IndexError where none waits."""
        return self._line()[0][1]

    def pop(self) -> Request:
        """The next to be sent, which waits no longer. Raises IndexError where none waits."""
        line = self._line()
        _, request = line.popleft()
        self._run += 1
        self._count -= 1
        if not line:
            del self._waiting[self._current]
        return request

    def _line(self) -> "deque[tuple[int, Request]]":
        line = self._waiting.get(self._current)
        if line and self._run < self._most:
            return line
        if line:
            heappush(self._oldest, (line[0][0], self._current))
        self._current, self._run = self._longest(), 0
        return self._waiting[self._current]

    def _longest(self) -> str:
        """The prefix whose first request has waited longest."""
        while True:
            number, prefix = heappop(self._oldest)
            line = self._waiting.get(prefix)
            if line and line[0][0] == number:
                return prefix
