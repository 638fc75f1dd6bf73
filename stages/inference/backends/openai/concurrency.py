"""How many requests at once: probe up while that brings replies faster, back off when it is too much for the server.

`Pace` is pure arithmetic on what has happened; times are passed in. One window is as many outcomes as there may be
requests under way, so about one reply time. `Slots` hands out the turns.
"""

import asyncio
import threading
from collections import deque
from statistics import median

REJECTED = 0.2
"""Share of a window turned away (429, 503) above which the limit falls; below, retrying costs less than slowing."""
GAIN = 0.15
"""Share of the limit's growth by which the reply rate must grow too, for the larger limit to be kept. A model that
batches well gives half; a server that only queues gives nothing."""
SLOWER = 1.1
"""Growth of the median latency that must come with it, or it was chance."""
STEP = 1.25
"""Growth of the limit, once something has shown where it is. Until then it doubles."""
STALLED = 2.0
"""Growth of the median latency at an unchanged limit from which the limit falls."""
REST = 8
"""Windows between a probe that brought nothing and the next one."""


class Pace:
    """The limit, between 1 and `most`."""

    def __init__(self, most: int, now: float) -> None:
        """Begins at half of `most`: what a server bears is usually near what its user asked for."""
        self.most = most
        self.limit = max(1, most // 2)
        self._factor = 2.0
        self._rest = 0
        self._settling = False  # a window that began under a smaller limit says little
        self._before: tuple[int, float, float] | None = None
        self._open(now)

    def _open(self, now: float) -> None:
        self._since, self._latencies, self._rejected = now, list[float](), 0

    def served(self, latency: float, now: float) -> None:
        """A reply came after `latency` seconds."""
        self._latencies.append(latency)
        self._close_window(now)

    def rejected(self, now: float) -> None:
        """The server turned a request away for being too busy."""
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
            self._judge(len(self._latencies) / max(now - self._since, 1e-9), median(self._latencies))
        self._settling = self.limit > limit
        self._open(now)

    def _fall(self, factor: float) -> None:
        self.limit = max(1, int(self.limit * factor))
        self._factor, self._rest, self._before = STEP, REST, None

    def _judge(self, rate: float, latency: float) -> None:
        before, self._before = self._before, (self.limit, rate, latency)
        grown = self.limit / before[0] - 1 if before else 0.0
        if before and grown > 0 and rate < before[1] * (1 + GAIN * grown) and latency > before[2] * SLOWER:
            self.limit, self._factor, self._rest, self._before = before[0], STEP, REST, before
        elif before and grown == 0 and latency > before[2] * STALLED:
            self._fall(0.8)
        elif self._rest:
            self._rest -= 1
            # The yardstick stays that of the probe, or a slow decline would never be seen.
            self._before = before or self._before
        else:
            self.limit = min(self.most, max(self.limit + 1, int(self.limit * self._factor)))


class Slots:
    """Who may send now: waiting retries first, then new prompts, `pace.limit` at once.

    New prompts also wait while too many requests sleep before a retry, so memory is bounded when everything is retried.
    """

    def __init__(self, pace: Pace) -> None:
        """`pace` says how many."""
        self.pace = pace
        self._free = threading.Condition()
        self._used = self._open = 0
        self._returning: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def enter(self) -> bool:
        """Wait, in a thread, for the turn of a new prompt; False when the engine is closed."""
        with self._free:
            while not self._closed and not self._roomy():
                self._free.wait()
            self._used += 1
            self._open += 1
            return not self._closed

    def _roomy(self) -> bool:
        limit = self.pace.limit
        return self._used < limit and not self._returning and self._open < 4 * limit

    def leave(self, count: int) -> None:
        """So many prompts are answered, and the replies safe."""
        with self._free:
            self._open -= count
            self._pass_on(count)

    def pause(self) -> None:
        """A request sleeps before it is sent again."""
        with self._free:
            self._pass_on(1)

    async def resume(self) -> None:
        """Wait, in the loop, for the turn of a retry; not once the engine is closed, as no turn would come."""
        with self._free:
            if self._closed or self._used < self.pace.limit:
                self._used += 1
                return
            turn = asyncio.get_running_loop().create_future()
            self._returning.append(turn)
        await turn

    def _pass_on(self, count: int) -> None:
        self._used -= count
        while self._returning and self._used < self.pace.limit:
            turn = self._returning.popleft()
            if not turn.done():
                self._used += 1
                turn.get_loop().call_soon_threadsafe(_settle, turn)
        self._free.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._free:
            self._closed = True
            while self._returning:
                turn = self._returning.popleft()
                turn.get_loop().call_soon_threadsafe(_settle, turn)
            self._free.notify_all()


def _settle(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)
