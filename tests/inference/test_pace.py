"""How many requests are under way at once: what the server bears, never more than asked for."""

import asyncio

import pytest

from stages.inference.backends.openai.concurrency import AdaptiveLimit, RequestSlots


def simulate(
    pace: AdaptiveLimit, windows: int, latency_at: dict[int, float] | None = None, capacity: int = 10**9
) -> list[int]:
    """The limits, window by window, with a server that bears `capacity` requests at once and then only queues them."""
    now, limits = 0.0, []
    for _ in range(windows):
        limit = pace.limit
        latency = 1.0 * max(1.0, limit / capacity)
        for number in range(limit):
            now += latency / limit
            pace.record_reply(latency, now)
            assert pace.limit == limit or number == limit - 1
        limits.append(limit)
    return limits


def test_a_server_that_bears_it_gets_all_soon() -> None:
    assert simulate(AdaptiveLimit(64, 0.0), 3) == [32, 64, 64]


def test_one_at_a_time_stays_one() -> None:
    assert simulate(AdaptiveLimit(1, 0.0), 5) == [1, 1, 1, 1, 1]


def test_a_limit_that_only_makes_replies_slower_is_taken_back() -> None:
    limits = simulate(AdaptiveLimit(256, 0.0), 20, capacity=128)
    assert limits[:4] == [128, 256, 256, 128]
    assert max(limits[3:]) <= 160
    assert limits[3:].count(128) > 12


@pytest.mark.parametrize(("share", "falls"), [(0.0, False), (0.1, False), (0.5, True), (1.0, True)])
def test_being_turned_away_lowers_the_limit_when_it_is_more_than_now_and_then(share: float, falls: bool) -> None:
    pace, now = AdaptiveLimit(64, 0.0), 0.0
    for number in range(400):
        now += 0.01
        if int(number * share) != int((number + 1) * share):
            pace.record_rejection(now)
        else:
            pace.record_reply(0.3, now)
    assert (pace.limit < 32) == falls
    assert pace.limit >= 1


def test_it_comes_back_when_the_server_does() -> None:
    pace = AdaptiveLimit(64, 0.0)
    for number in range(300):
        pace.record_rejection(number * 0.01)
    low = pace.limit
    assert low == 1
    assert simulate(pace, 60)[-1] > 20


def test_a_server_that_grows_slow_is_spared() -> None:
    pace = AdaptiveLimit(64, 0.0)
    limits = simulate(pace, 6)
    assert limits[-1] == 64
    now = 100.0
    for _ in range(64 * 3):
        now += 5.0 / 64
        pace.record_reply(5.0, now)
    assert pace.limit < 64


def test_nobody_waits_for_a_turn_once_all_is_closed() -> None:
    slots = RequestSlots(AdaptiveLimit(1, 0.0))
    assert slots.enter()
    slots.close()
    asyncio.run(asyncio.wait_for(slots.resume(), 5))
