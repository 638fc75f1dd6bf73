"""Thresholds of the HTTP client, the attempts of a request, and the rule that ends a run of failures.

No reply depends on the thresholds.
"""

import math
from collections import deque
from typing import Any

import msgspec

from stages.core.completions import Reply
from stages.inference.backends.openai.error_responses import FatalError, repeated_reason


class ClientLimits(msgspec.Struct, frozen=True):
    """The thresholds. Not in params.yaml: they decide when the client gives up or waits, never what a reply says."""

    response_bytes: int = 32 << 20
    """Largest response; a longer one is a transient error."""
    failures: int = 8
    """Failures in a row that end the run before any success: nothing is there, or it takes no such requests."""
    failures_after_success: int = 100
    """The same after a success: several rows in a row may each be too long for the server."""
    equal_failures: int = 24
    """The same after a success where all give one reason, unless that is the length of a row."""
    busy_cost: float = 0.1
    """What a rejection for load counts of one of the option `attempts`."""
    longest_backoff: float = 60.0
    """Seconds; the wait doubles from `first_backoff` up to this where the server names none."""
    first_backoff: float = 0.5
    """Seconds, at most: the wait before the second attempt is drawn between 0 and this."""
    reported_wait: float = 20.0
    """Seconds of a Retry-After from which on the wait is reported."""
    connect_timeout: float = 30.0
    """Seconds for opening a connection, or the option `timeout` where that is less."""
    rest: float = 0.1
    """Seconds between a response and the next request on the same connection. Replies of models take longer than that,
    so there are fewer resting connections than requests in flight."""
    watch: float = 1.0
    """The same before a server is trusted."""
    watched: int = 8
    """Connections that must have stayed silent for `watch` seconds before `rest` is enough."""


LIMITS = ClientLimits()


class Attempts(msgspec.Struct):
    """What has become of one request so far."""

    session: Any
    """The client session of the next attempt."""
    sent: int = 0
    spent: float = 0.0
    """Of the option `attempts`; a rejection for load counts `LIMITS.busy_cost`."""
    dropped_since: float = math.inf
    """Time of the first of the dropped attempts up to now; infinite if the last attempt was not dropped."""


class FailureCounter:
    """Counts failed replies in a row, and raises FatalError where more requests are of no use."""

    def __init__(self, limits: ClientLimits = LIMITS) -> None:
        """`limits`: how many are too many."""
        self.in_a_row = 0
        self._limits = limits
        self._any_success = False
        self._reasons = deque[str](maxlen=limits.equal_failures)

    def add(self, reply: Reply, has_cached_replies: bool, limit: int) -> None:
        """One more reply. Raises FatalError if it is the last of too many failures in a row.

        `limit`: how many are too many once any request has succeeded. `has_cached_replies` counts as a success: the
        few requests that are sent may be those that failed in an earlier run, each for a reason of its own.
        """
        failed = reply.status == "failed"
        self.in_a_row = self.in_a_row + 1 if failed else 0
        self._reasons.append(repeated_reason(reply.error) if failed else "")
        self._any_success = self._any_success or not failed
        if len(set(self._reasons)) == 1 and len(self._reasons) == self._limits.equal_failures and self._reasons[0]:
            limit = self._limits.equal_failures
        if self.in_a_row >= (limit if self._any_success or has_cached_replies else self._limits.failures):
            raise FatalError(f"{self.in_a_row} requests in a row failed; the last: {reply.error}")
