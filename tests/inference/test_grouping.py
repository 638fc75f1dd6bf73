"""Requests that begin alike go out together, and no reply depends on it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stages.inference.prefix_grouping import RequestQueue
from stages.reply_store.keys import Request, request
from tests.inference.counting import IDENTITY, Counting, connected, prompt


def waiting(text: object, prefix: str) -> Request:
    return request(IDENTITY, prompt(text, prefix=prefix))


def test_those_that_begin_alike_go_together_and_none_waits_for_ever() -> None:
    queue = RequestQueue(3)
    for number, prefix in enumerate("abababaaaaaa"):
        queue.put(waiting(number, prefix))
    sent = [queue.pop().prompt for _ in range(len(queue))]
    assert "".join(one.prefix for one in sent) == "aaabbbaaaaaa"
    assert len(queue) == 0


def test_one_in_a_row_is_first_come_first_served() -> None:
    queue = RequestQueue(1)
    for number, prefix in enumerate("abcabcab"):
        queue.put(waiting(number, prefix))
    assert [queue.pop().prompt.messages[-1].content for _ in range(8)] == [str(n) for n in range(8)]


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcd")), max_size=200), st.integers(1, 5))
def test_each_goes_once_in_its_own_prefix_s_order_and_waits_a_bounded_time(steps: list[str | None], most: int) -> None:
    """A letter puts a request of that prefix; None sends one."""
    queue, put, sent = RequestQueue(most), [], []
    for number, prefix in enumerate(steps):
        if prefix is not None:
            queue.put(waiting(number, prefix))
            put.append((number, prefix))
        elif len(queue):
            head = queue.head()
            assert queue.pop() is head
            sent.append((int(head.prompt.messages[-1].content), head.prompt.prefix))
    sent += [
        (int(one.prompt.messages[-1].content), one.prompt.prefix) for one in (queue.pop() for _ in range(len(queue)))
    ]
    assert sorted(sent) == put
    for prefix in "abcd" if most > 1 else "":
        own = [number for number, of in sent if of == prefix]
        assert own == sorted(own)
    if most == 1:
        assert sent == put


def test_replies_do_not_depend_on_the_grouping_and_keep_their_order(tmp_path) -> None:  # type: ignore[no-untyped-def]
    prompts = [prompt(n, prefix="abcdefgh"[n * 7 % 8]) for n in range(3000)]
    result, orders = [], []
    for most in (1, 16):
        engine = Counting(64)
        engine.grouping = most
        with connected(engine, tmp_path / str(most)) as connection:
            result.append(list(connection.complete(prompts)))
        orders.append(engine.texts)
    assert result[0] == result[1]
    assert [reply.text for reply in result[1]] == [f"<{n}>" for n in range(3000)]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])
    changes = [
        sum(prompts[int(one)].prefix != prompts[int(two)].prefix for one, two in pairwise(order)) for order in orders
    ]
    assert changes[1] * 10 < changes[0]
