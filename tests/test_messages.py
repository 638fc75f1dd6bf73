"""`ask` keeps order and number, asks lazily, and lets items without a prompt pass."""

from collections.abc import Iterable, Iterator
from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stages.core.completions import MAX_SKIPPED, Message, Meter, Prompt, Reply, Sampling, ask, draw_seed, retry

GREEDY = Sampling(temperature=0, top_p=1, top_k=0, max_tokens=8)


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message("user", text),), sampling=GREEDY, seed=1)


def echo(prompts: Iterable[Prompt]) -> Iterator[Reply]:
    for asked in prompts:
        yield Reply(text=asked.messages[-1].content, status="ok", tokens_in=1, tokens_out=1)


def in_batches(size: int):
    def complete(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        batch = []
        for asked in prompts:
            batch.append(asked)
            if len(batch) == size:
                yield from echo(batch)
                batch = []
        yield from echo(batch)

    return complete


@given(st.lists(st.integers()), st.integers(1, 5))
def test_order_and_number_with_any_batch(numbers: list[int], size: int) -> None:
    def even(n: int) -> Prompt | None:
        return prompt(str(n)) if n % 2 == 0 else None

    result = [(n, reply and reply.text) for n, reply in ask(in_batches(size), iter(numbers), even)]
    assert result == [(n, str(n) if n % 2 == 0 else None) for n in numbers]


def test_streams_compose_without_a_barrier() -> None:
    seen = []

    def items() -> Iterator[int]:
        for n in range(100):
            seen.append(n)
            yield n

    first = (n for n, _ in ask(echo, items(), lambda n: prompt(str(n))))
    second = ask(echo, first, lambda n: prompt(str(n)))
    next(second)
    assert len(seen) < 4


def test_endless_items_that_nobody_asks_about_pass_in_bounded_memory() -> None:
    seen = []

    def items() -> Iterator[int]:
        for n in count():
            seen.append(n)
            yield n

    result = ask(in_batches(64), items(), lambda n: prompt("x") if n == 10 else None)
    passed = [next(result) for _ in range(3000)]
    assert [n for n, _ in passed] == list(range(3000))
    assert [n for n, reply in passed if reply] == [10]
    assert len(seen) <= 3000 + MAX_SKIPPED


def test_a_seed_belongs_to_the_record_and_the_purpose() -> None:
    assert draw_seed(1, "a", "respond") == draw_seed(1, "a", "respond")
    assert len({draw_seed(1, "a", "respond"), draw_seed(2, "a", "respond"), draw_seed(1, "b", "respond"),
                draw_seed(1, "a", "choose")}) == 4  # fmt: skip
    assert all(0 <= draw_seed(1, str(n), "x") < 2**31 for n in range(100))


def test_a_meter_counts_the_same_whether_replies_are_asked_for_or_remembered() -> None:
    message = [("a", "ok", 3, 2), ("b", "truncated", 4, 8), ("", "refused", 1, 0), ("c", "ok", 3, 1)]
    replies = [Reply(*one) for one in message]  # type: ignore[arg-type]
    meter = Meter(lambda prompts: (reply for _, reply in zip(prompts, replies, strict=True)))
    assert list(meter(Prompt((), Sampling(0.0, 1.0, 0, 1), n) for n in range(4))) == replies
    assert meter.summary() == {
        "replies": 4, "replies_by_status": {"ok": 2, "refused": 1, "truncated": 1}, "reply_tokens_in": 11,
        "reply_tokens_out": 11,
    }  # fmt: skip
    assert meter.take()["replies"] == 4
    assert meter.summary() == {
        "replies": 0, "replies_by_status": {}, "reply_tokens_in": 0, "reply_tokens_out": 0,
    }  # fmt: skip


@given(
    st.lists(st.tuples(st.lists(st.booleans(), max_size=6), st.integers(0, 4)), max_size=12),
    st.integers(1, 3),
    st.integers(1, 5),
)
def test_what_fails_is_asked_again_as_the_same_sample(
    plans: list[tuple[list[bool], int]], attempts: int, size: int
) -> None:
    """An item's plan: which of its first requests fail, and at which sample it is content."""
    samples: dict[int, list[int]] = {}

    def flaky(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for asked in in_batches(size)(prompts):
            number = int(asked.text)
            place = len(samples.setdefault(number, []))
            failing = plans[number][0]
            yield Reply("", "failed", 0, 0) if failing[place : place + 1] == [True] else asked

    def prompt_of(item: tuple[int, int, bool], sample: int) -> Prompt | None:
        number, replies, _ = item
        assert replies == sample
        return None if sample > plans[number][1] else replace(prompt(str(number)), sample=sample)

    def read(item: tuple[int, int, bool], reply: Reply) -> tuple[int, int, bool]:
        samples[item[0]].append(item[1])
        return item[0], item[1] + (reply.status == "ok"), reply.status == "failed"

    result = list(retry(flaky, ((n, 0, False) for n in range(len(plans))), attempts, prompt_of, read))
    assert [number for number, _, _ in result] == list(range(len(plans)))
    for number, replies, failed in result:
        failing, content = plans[number]
        wanted = min(attempts, content + 1)
        # Either as many replies as without any failure, or as many failures as attempts.
        assert replies == wanted or (failed and sum(failing[: len(samples[number])]) == attempts)
        assert failed == (replies < wanted)
        assert samples[number] == sorted(samples[number]) and set(samples[number]) <= set(range(wanted))
