"""Batches of local engines: where they end, and that a resumed run forms those of a run without a crash."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Prompt, Reply
from stages.core.errors import UserError
from stages.inference.local_engine import Batches, LocalEngine
from stages.inference.progress import Progress
from stages.inference.scheduler import Connection
from stages.reply_store.identity import Identity
from stages.reply_store.store import Replies
from tests.inference.counting import SAMPLING, prompt, text_of

SIZE, SMALLEST, NEW_TOKENS = 8, 2, 100


class Crashing(LocalEngine):
    """Computes batches as the embedded engine does; ends with an error before the batch number `crash`."""

    def __init__(self, crash: int | None = None) -> None:
        self.identity, self.batches = "crashing", list[list[str]]()
        self.crash = crash
        self.answer = Batches(SIZE, self.compute, SMALLEST, NEW_TOKENS).answer

    def compute(self, prompts: list[Prompt]) -> list[Reply]:
        if len(self.batches) == self.crash:
            raise UserError("crashed")
        self.batches.append([text_of(one) for one in prompts])
        return [Reply(f"<{text_of(one)}>", "ok", 3, 1) for one in prompts]

    @contextmanager
    def open(self) -> Iterator["Crashing"]:
        yield self


def prompts(limits: list[int]) -> list[Prompt]:
    """A prompt for each limit of new tokens."""
    return [prompt(n, sampling=msgspec.structs.replace(SAMPLING, max_tokens=limit)) for n, limit in enumerate(limits)]


def complete(engine: Crashing, store: Path, some: list[Prompt]) -> list[Reply]:
    with (
        Replies(store) as replies,
        Progress("test", "m") as progress,
        Connection(Identity("m@1", "crashing"), replies, progress, engine.open) as connection,
    ):
        return list(connection.complete(some))


def sizes(limits: list[int]) -> list[int]:
    engine = Crashing()
    for _ in engine.answer(prompts(limits)):
        pass
    return [len(batch) for batch in engine.batches]


def test_a_batch_ends_at_its_size_or_where_its_replies_may_be_long() -> None:
    assert sizes([1] * 20) == [8, 8, 4]
    assert sizes([25] * 10) == [4, 4, 2]
    assert sizes([1000] * 5) == [2, 2, 1]
    assert sizes([1, 1, 98, 99, 1, 1]) == [3, 2, 1]
    assert sizes([]) == []


@given(st.lists(st.sampled_from([1, 20, 40, 99]), min_size=30, max_size=60), st.sets(st.integers(0, 9), min_size=1))
def test_batches_do_not_depend_on_which_of_them_are_stored(limits: list[int], chosen: set[int]) -> None:
    engine, again = Crashing(), Crashing()
    some = prompts(limits)
    list(engine.answer(some))
    stored = chosen & set(range(len(engine.batches)))
    there = {text for number in stored for text in engine.batches[number]}
    list(again.answer([one for one in some if text_of(one) not in there]))
    assert again.batches == [batch for number, batch in enumerate(engine.batches) if number not in stored]


@pytest.mark.parametrize("crash", [0, 1, 3])
def test_a_resumed_run_forms_the_batches_of_one_without_a_crash(crash: int, tmp_path: Path) -> None:
    some = prompts([(17 * n) % 70 + 1 for n in range(40)])
    undisturbed, first, second = Crashing(), Crashing(crash), Crashing()
    replies = complete(undisturbed, tmp_path / "a", some)
    with pytest.raises(UserError, match="crashed"):
        complete(first, tmp_path / "b", some)
    assert complete(second, tmp_path / "b", some) == replies
    assert first.batches + second.batches == undisturbed.batches
    assert len(first.batches) == crash and len(undisturbed.batches) > 5
