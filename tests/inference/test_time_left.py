"""The time left of a run, against simulated servers whose truth is known."""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.inference.time_left import Work, mean_duration, requests_left, seconds_left, shown

Draw = Callable[[random.Random], float]
SERVERS: dict[str, Draw] = {
    "even": lambda rng: rng.uniform(9, 11),
    "exponential": lambda rng: rng.expovariate(0.1),
    "heavy": lambda rng: rng.lognormvariate(2, 1.2),
    "pareto": lambda rng: 3 * rng.paretovariate(1.6),
    "two kinds": lambda rng: rng.choice([2.0, 2.0, 2.0, 40.0]),
}


class Simulation:
    """Rows of some requests each, one after another, on a server with so many slots; rows are finished in order."""

    def __init__(self, draw: Draw, seed: int, rows: int = 300, slots: int = 16) -> None:
        rng = random.Random(seed)
        self.rows, self.slots = rows, slots
        self.requests = [[draw(rng) for _ in range(rng.choice([1, 2, 3, 4]))] for _ in range(rows)]

    def run(self, every: float) -> Iterator[tuple[float, Work]]:
        """(time, state) each so many seconds until the end, then (end, the last state)."""
        waiting = [(row, 0) for row in reversed(range(self.rows))]
        running: list[tuple[float, float, int, int]] = []
        durations: list[float] = []
        done, begun, now, tick, finished = set[int](), set[int](), 0.0, every, 0
        while waiting or running:
            while waiting and len(running) < self.slots:
                row, step = waiting.pop()
                begun.add(row)
                heapq.heappush(running, (now + self.requests[row][step], now, row, step))
            ended, began, row, step = heapq.heappop(running)
            while tick < ended:
                ages = [tick - since for _, since, *_ in running] + [tick - began]
                yield (
                    tick,
                    Work(tick, durations[-512:], ages, len(durations), 0, len(begun), finished, self.rows - finished),
                )
                tick += every
            now = ended
            durations.append(ended - began)
            if step + 1 < len(self.requests[row]):
                waiting.append((row, step + 1))
            else:
                done.add(row)
            while finished in done:
                finished += 1
        self.end = now


@pytest.mark.parametrize("name", SERVERS)
def test_after_a_tenth_of_the_rows_the_estimate_is_within_a_factor_of_two_of_the_truth(name: str) -> None:
    errors = []
    for seed in range(20):
        simulation = Simulation(SERVERS[name], seed)
        states = [(time, work) for time, work in simulation.run(10.0) if work.rows_begun >= simulation.rows // 10 + 16]
        time, work = states[0]
        estimate = seconds_left(work)
        if estimate is not None:
            errors.append(abs(math.log(estimate / (simulation.end - time))))
    assert len(errors) >= 15
    assert sum(error < math.log(2) for error in errors) >= 0.75 * len(errors), sorted(map(math.exp, errors))


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_shown_does_not_swing_and_comes_near_the_truth(name: str) -> None:
    for seed in range(5):
        simulation, last, shares = Simulation(SERVERS[name], seed), None, []
        for time, work in simulation.run(10.0):
            estimate = seconds_left(work)
            if estimate is None:
                continue
            before, last = last, shown(last, estimate, 10.0)
            if before and before > 60:
                assert 0.5 < last / max(before - 10, 1) < 2
            shares.append((time, last))
        middle = [value / (simulation.end - time) for time, value in shares if time < simulation.end * 0.7]
        assert 0.5 < median(middle) < 2


def test_the_swing_of_the_first_diary_is_gone() -> None:
    """Thirty rows at once, the first of which is slow: 1/30 rows, then none for long, though all others are done."""
    ages = [900.0] + [30.0] * 15
    work = Work(900, [30.0] * 60, ages, 60, 0, 30, 1, 29)
    assert seconds_left(work) is not None and 30 < float(seconds_left(work) or 0) < 2700, "not four hours"


@pytest.mark.parametrize(
    "work",
    [
        Work(5, [], [5.0] * 8, 0, 0, 8, 0, 100),
        Work(5, [1.0, 2.0], [1.0], 2, 0, 3, 2, 100),
        Work(9, [1.0] * 4, [9.0] * 64, 4, 0, 64, 0, 100),
        Work(9, [1.0] * 40, [], 40, 0, 40, 40, 0),
    ],
    ids=["nothing finished", "too few finished", "the quick ones alone finished", "no row left"],
)
def test_nothing_is_said_before_there_is_ground(work: Work) -> None:
    assert seconds_left(work) is None


def test_stored_replies_take_no_time() -> None:
    """Half of the requests are answered from the store: the other half alone are to come."""
    half = Work(100, [10.0] * 50, [5.0] * 5, 50, 55, 110, 100, 100)
    none = half._replace(cached=0, rows_begun=55, rows_finished=50, rows_left=50)
    assert requests_left(half) == pytest.approx(requests_left(none), rel=0.1)


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=30), st.lists(st.floats(0, 1e4), max_size=30))
def test_requests_in_flight_never_make_the_mean_smaller_than_their_share(
    durations: list[float], ages: list[float]
) -> None:
    mean = mean_duration(durations, ages)
    assert mean >= min([*durations, *ages]) - 1e-6
    assert mean_duration(durations, []) == pytest.approx(sum(durations) / len(durations))
    assert mean_duration(durations, [age * 2 for age in ages]) >= 0


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0.1, 120))
def test_what_is_shown_moves_towards_the_estimate_and_not_past_it(
    before: float, estimate: float, seconds: float
) -> None:
    after, expected = shown(before, estimate, seconds), max(before - seconds, 1.0)
    low, high = sorted([expected, max(estimate, 1.0)])
    assert low - 1e-6 * low <= after <= high + 1e-6 * high
    assert after == estimate if before <= seconds else expected / 2 < after < expected * 2


def test_an_estimate_that_has_run_out_gives_way_to_the_next() -> None:
    """Every half minute, as where stderr is a log: one second, shown once, stayed for minutes."""
    assert shown(1.0, 240.0, 30.0) == 240.0
