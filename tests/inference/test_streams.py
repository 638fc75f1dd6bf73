"""The stream between rooms and engines: order, number, batches that form again, bounded memory."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.core.completions import Prompt, Reply, ask
from stages.core.errors import UserError
from stages.inference import scheduler
from stages.inference.progress import Progress
from stages.inference.scheduler import Connection
from stages.reply_store.store import Replies
from tests.inference.counting import IDENTITY, Counting, connected, prompt, text_of


def texts(replies: Iterator[Reply]) -> list[str]:
    return [reply.text for reply in replies]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "replies.sqlite"


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_order_and_number_are_kept_however_an_engine_batches(store: Path, batch: int) -> None:
    engine = Counting(batch)
    with connected(engine, store) as connection:
        assert texts(connection.complete(prompt(n) for n in range(300))) == [f"<{n}>" for n in range(300)]
    assert engine.texts == [str(n) for n in range(300)]


def test_a_second_run_asks_nothing_and_opens_no_engine(store: Path) -> None:
    with connected(Counting(), store) as connection:
        first = list(connection.complete([prompt(n) for n in range(50)]))
    engine = Counting()
    with connected(engine, store) as connection:
        assert list(connection.complete([prompt(n) for n in range(50)])) == first
    assert (engine.opened, engine.texts) == (0, [])
    assert all(reply.model == "model@1" and len(reply.id) == 64 for reply in first)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(st.integers(0, 30), max_size=60),
    second=st.lists(st.integers(0, 30), max_size=60),
    batch=st.integers(1, 9),
)
def test_exactly_what_is_new_is_asked_once(
    tmp_path_factory: pytest.TempPathFactory, first: list[int], second: list[int], batch: int
) -> None:
    store = tmp_path_factory.mktemp("store") / "replies.sqlite"
    with connected(Counting(batch), store) as connection:
        assert texts(connection.complete(map(prompt, first))) == [f"<{n}>" for n in first]
    engine = Counting(batch)
    with connected(engine, store) as connection:
        assert texts(connection.complete(map(prompt, second))) == [f"<{n}>" for n in second]
    assert sorted(engine.texts) == sorted(str(n) for n in set(second) - set(first))


def test_a_failure_is_asked_again_in_the_next_run_and_told_to_every_row_that_waits_for_it(store: Path) -> None:
    class Failing(Counting):
        def reply(self, one: Prompt) -> Reply:
            return Reply("", "failed", 0, 0, error="no luck") if text_of(one) == "1" else super().reply(one)

    with connected(Failing(), store) as connection:
        statuses = [reply.status for reply in connection.complete(map(prompt, [0, 1, 1, 2]))]
        assert statuses == ["ok", "failed", "failed", "ok"]
        assert connection.progress.failed == 1
    engine = Counting()
    with connected(engine, store) as connection:
        assert texts(connection.complete(map(prompt, [0, 1, 1, 2]))) == ["<0>", "<1>", "<1>", "<2>"]
    assert engine.texts == ["1"]


def test_streams_compose_without_a_barrier(store: Path) -> None:
    """The first row is through both steps before the last has begun the first."""
    begun: list[int] = []

    def rows() -> Iterator[int]:
        for number in range(5000):
            begun.append(number)
            yield number

    with connected(Counting(), store) as connection:
        first = ask(connection.complete, rows(), prompt)
        second = ask(connection.complete, first, lambda pair: prompt(pair[1].text if pair[1] else None))
        (number, reply), again = next(second)
        assert (number, reply.text if reply else "", again.text if again else "") == (0, "<0>", "<<0>>")
        assert len(begun) < 5000
        assert [pair[0] for pair, _ in second] == list(range(1, 5000))


def test_a_caller_that_stops_early_has_asked_little_and_loses_nothing(store: Path) -> None:
    engine = Counting()
    with connected(engine, store) as connection:
        stream = connection.complete(prompt(n) for n in range(100_000))
        assert next(stream).text == "<0>"
        stream.close()
    sent_texts = set(engine.texts)
    assert len(sent_texts) < 2000
    again = Counting()
    with connected(again, store) as connection:
        list(connection.complete(prompt(n) for n in range(2000)))
    assert not sent_texts & set(again.texts)


def test_memory_is_bounded_when_the_first_row_is_slow(store: Path) -> None:
    """Behind a reply that does not come, two sessions of prompts are taken, and then the caller waits."""
    taken: list[Prompt] = []
    waits = threading.Event()

    class Watched(Progress):
        ticks = 0

        def tick(self) -> None:
            """Called after each look-up and each wait; the second time with so many taken, none is being taken."""
            self.ticks += len(taken) >= 2 * scheduler.SESSION
            if self.ticks == 2:
                counts.append(len(taken))
                waits.set()

    class Slow(Counting):
        def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
            first_prompt = None
            for group in super().answer(prompts):
                if group[0][1].text == "<0>":
                    first_prompt = group
                else:
                    yield group
            if first_prompt:
                assert waits.wait(60)
                yield first_prompt

    def rows() -> Iterator[Prompt]:
        for number in range(3 * scheduler.SESSION):
            taken.append(prompt(number))
            yield taken[-1]

    counts: list[int] = []
    with Replies(store) as replies, Connection(IDENTITY, replies, Watched("", ""), Slow().open) as connection:
        assert sum(1 for _ in connection.complete(rows())) == 3 * scheduler.SESSION
    assert counts == [2 * scheduler.SESSION]


def test_the_batches_after_a_crash_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    """Local models' last digits depend on batch mates; so do the final bytes, unless the batches form again."""

    class Crashing(Counting):
        def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
            for number, group in enumerate(super().answer(prompts)):
                if number == 40:
                    raise RuntimeError("killed")
                yield group

    numbers = [n for n in range(2 * scheduler.SESSION) if n % 3]
    sparse = [prompt(n) for n in range(2 * scheduler.SESSION)]
    known = [prompt(n) for n in range(0, 2 * scheduler.SESSION, 3)]
    batches = []
    for engines in ([Counting(48)], [Crashing(48), Counting(48)]):
        store = tmp_path / f"{len(engines)}.sqlite"
        with connected(Counting(), store) as connection:
            list(connection.complete(known))
        for engine in engines:
            with connected(engine, store) as connection:
                try:
                    list(connection.complete(sparse))
                except RuntimeError:
                    continue
        batches.append(sorted(tuple(batch) for engine in engines for batch in engine.batches))
    whole, resumed = batches
    assert sorted(n for batch in whole for n in batch) == sorted(map(str, numbers))
    # The batch that was under way when it crashed was formed twice, alike.
    assert set(resumed) == set(whole)
    assert len(resumed) - len(whole) <= 2


def test_what_concerns_every_prompt_ends_the_stream_and_keeps_what_came_before(store: Path) -> None:
    class TransientError(Counting):
        def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
            for group in super().answer(prompts):
                if group[0][1].text == "<10>":
                    raise UserError("the key is wrong")
                yield group

    with connected(TransientError(), store) as connection, pytest.raises(UserError, match="key is wrong"):
        list(connection.complete(prompt(n) for n in range(100)))
    engine = Counting()
    with connected(engine, store) as connection:
        list(connection.complete(prompt(n) for n in range(100)))
    assert engine.texts[0] == "10"


def test_an_engine_that_leaves_prompts_unanswered_is_found_out(store: Path) -> None:
    class Lazy(Counting):
        def answer(self, prompts: Iterable[Prompt]) -> Iterator[list[tuple[int, Reply]]]:
            yield from list(super().answer(prompts))[:-1]

    with connected(Lazy(), store) as connection, pytest.raises(RuntimeError, match="1 prompts unanswered"):
        list(connection.complete(prompt(n) for n in range(10)))


def test_an_error_of_a_room_above_passes_through(store: Path) -> None:
    def rows() -> Iterator[Prompt]:
        yield prompt(0)
        raise ValueError("row 1 is bad")

    with connected(Counting(), store) as connection, pytest.raises(ValueError, match="row 1 is bad"):
        list(connection.complete(rows()))


def test_no_prompts_no_replies(store: Path) -> None:
    engine = Counting()
    with connected(engine, store) as connection:
        assert list(connection.complete([])) == []
    assert engine.opened == 0
