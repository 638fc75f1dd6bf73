"""How many requests are in flight: more while the reply rate grows with them, fewer when the server rejects requests.

`AdaptiveLimit` is arithmetic on recorded outcomes; times are passed in. One window is as many outcomes as the limit, so
about one reply time. `RequestSlots` lets requests through up to the limit.
"""

import asyncio
import threading
from collections import deque
from statistics import median

REJECTED = 0.2
"""Share of a window's requests rejected (429, 503) above which the limit falls; below, retrying costs less."""
GAIN = 0.15
"""Share of the limit's growth by which the reply rate must grow too, for the larger limit to be kept. A model that
batches well gives half; a server that only queues gives nothing."""
SLOWER = 1.1
"""Growth of the median latency that must come with it, or it was chance."""
STEP = 1.25
"""Growth of the limit once it has fallen or a probe has failed. Until then it doubles."""
STALLED = 2.0
"""Growth of the median latency at an unchanged limit from which the limit falls."""
PAUSE = 8
"""Windows between a failed probe and the next one."""


class AdaptiveLimit:
    """The most requests in flight, between 1 and `most`."""

    def __init__(self, most: int, now: float) -> None:
        """Begins at half of `most`: the capacity of a server is usually near what its user set."""
        self.most = most
        self.limit = max(1, most // 2)
        self._factor = 2.0
        self._pause = 0
        self._settling = False  # a window that began under a smaller limit says little
        self._before: tuple[int, float, float] | None = None
        self._open(now)

    def _open(self, now: float) -> None:
        self._since, self._latencies, self._rejected = now, list[float](), 0

    def record_reply(self, latency: float, now: float) -> None:
        """A reply arrived after `latency` seconds."""
        self._latencies.append(latency)
        self._close_window(now)

    def record_rejection(self, now: float) -> None:
        """The server rejected a request because of its load."""
        self._rejected += 1
        self._close_window(now)

    def _close_window(self, now: float) -> None:
        count = len(self._latencies) + self._rejected
        if count < self.limit:
            return
        limit = self.limit
        if self._rejected > REJECTED * count:
            self._fall(1 - self._rejected / count / 2)
        elif self._latencies and not self._settling:
            self._compare(len(self._latencies) / max(now - self._since, 1e-9), median(self._latencies))
        self._settling = self.limit > limit
        self._open(now)

    def _fall(self, factor: float) -> None:
        self.limit = max(1, int(self.limit * factor))
        self._factor, self._pause, self._before = STEP, PAUSE, None

    def _compare(self, rate: float, latency: float) -> None:
        before, self._before = self._before, (self.limit, rate, latency)
        grown = self.limit / before[0] - 1 if before else 0.0
        if before and grown > 0 and rate < before[1] * (1 + GAIN * grown) and latency > before[2] * SLOWER:
            self.limit, self._factor, self._pause, self._before = before[0], STEP, PAUSE, before
        elif before and grown == 0 and latency > before[2] * STALLED:
            self._fall(0.8)
        elif self._pause:
            self._pause -= 1
            # The window before the probe stays the reference, or a slow decline would never show.
            self._before = before or self._before
        else:
            self.limit = min(self.most, max(self.limit + 1, int(self.limit * self._factor)))


class RequestSlots:
    """Slots for `limit.limit` requests at once: waiting retries take them first, then new prompts.

    New prompts also wait while too many requests sleep before a retry, so memory is bounded when everything is retried.
    """

    def __init__(self, limit: AdaptiveLimit) -> None:
        """`limit`: how many slots there are at any time."""
        self._limit = limit
        self._free = threading.Condition()
        self._used = self._open = 0
        self._waiting_retries: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def enter(self) -> bool:
        """Wait, in a thread, for a slot for a new prompt; False when the engine is closed."""
        with self._free:
            while not self._closed and not self._has_slot():
                self._free.wait()
            self._used += 1
            self._open += 1
            return not self._closed

    def _has_slot(self) -> bool:
        limit = self._limit.limit
        return self._used < limit and not self._waiting_retries and self._open < 4 * limit

    def leave(self, count: int) -> None:
        """So many prompts are answered, and their replies stored."""
        with self._free:
            self._open -= count
            self._release(count)

    def pause(self) -> None:
        """A request waits before its next attempt and frees its slot."""
        with self._free:
            self._release(1)

    async def resume(self) -> None:
        """Wait, in the loop, for a slot for a retry; once the engine is closed, return at once."""
        with self._free:
            if self._closed or self._used < self._limit.limit:
                self._used += 1
                return
            slot = asyncio.get_running_loop().create_future()
            self._waiting_retries.append(slot)
        await slot

    def _release(self, count: int) -> None:
        self._used -= count
        while self._waiting_retries and self._used < self._limit.limit:
            slot = self._waiting_retries.popleft()
            if not slot.done():
                self._used += 1
                slot.get_loop().call_soon_threadsafe(_settle, slot)
        self._free.notify_all()

    def close(self) -> None:
        """End every wait, and let no later one begin."""
        with self._free:
            self._closed = True
            while self._waiting_retries:
                slot = self._waiting_retries.popleft()
                slot.get_loop().call_soon_threadsafe(_settle, slot)
            self._free.notify_all()


def _settle(slot: "asyncio.Future[None]") -> None:
    if not slot.done():
        slot.set_result(None)
