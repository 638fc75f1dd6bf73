"""A budget is never exceeded, loses nothing, and a run after raising it goes on."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.completions import Message, Prompt, Reply, Sampling, ask
from stages.core.errors import UserError
from stages.inference import budgets
from stages.inference.connect import connect
from stages.params import Budget, Engine, Price, parse
from stages.reply_store.store import Replies
from tests.inference.counting import IDENTITY, OPENAI, SAMPLING, Counting, connected, prompt, text_of
from tests.inference.loopback import Answer, completed, message_of, serving

PRICE = Price(input=1000.0, output=3000.0, currency="EUR")


def spent(store: Path) -> int:
    with Replies(store) as replies:
        return sum(replies.spent(IDENTITY)[0])


class Costly(Counting):
    """Takes tokens at random, at most what it may."""

    def reply(self, one: Prompt) -> Reply:
        read, written = budgets.max_tokens_of(one)
        rng = random.Random(text_of(one))
        return Reply(f"<{text_of(one)}>", "ok", rng.randint(1, read), rng.randint(0, written))


@settings(max_examples=25, deadline=None)
@given(tokens=st.integers(1, 30_000), batch=st.sampled_from([1, 7, 64]), steps=st.integers(1, 3))
def test_never_exceeded_and_a_raised_one_goes_on_where_it_was(
    tokens: int, batch: int, steps: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store") / "replies.sqlite"
    engine = Costly(batch)

    def run(budget: Budget | None) -> list[str]:
        with connected(engine, store, budget=budget) as connection:
            rows = ask(connection.complete, range(60), prompt)
            for _ in range(steps - 1):
                rows = ask(connection.complete, rows, lambda pair: prompt(pair[1].text))  # type: ignore[union-attr]
            return [reply.text for _, reply in rows if reply]

    try:
        run(Budget(tokens=tokens, money=None))
    except UserError as error:
        assert "is used up" in str(error) and "\n" not in str(error)
        # Not given up long before: nothing was under way any more, and the next might have broken it.
        assert spent(store) + sum(budgets.max_tokens_of(prompt("<<<59>>>"))) > tokens
    assert spent(store) <= tokens
    before = set(engine.texts)
    assert run(None) == ["<" * steps + str(n) + ">" * steps for n in range(60)]
    assert len(engine.texts) == len(set(engine.texts)), "paid twice"
    assert before <= set(engine.texts)


def test_in_money(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"budget of 2\.00 EUR for model@1 is used up: .* EUR"),
        connected(Costly(), tmp_path / "s", budget=Budget(tokens=None, money=2.0), price=PRICE) as connection,
    ):
        list(connection.complete(map(prompt, range(10_000))))
    with Replies(tmp_path / "s") as replies:
        assert 0 < budgets.cost(PRICE, replies.spent(IDENTITY)[0]) <= 2.0


def test_the_first_request_may_be_too_dear_already(tmp_path: Path) -> None:
    engine = Counting()
    with (
        pytest.raises(UserError, match="0 tokens read and 0 written"),
        connected(engine, tmp_path / "s", budget=Budget(tokens=10, money=None)) as connection,
    ):
        list(connection.complete(map(prompt, range(10))))
    assert engine.texts == []


def test_what_is_remembered_costs_nothing_but_counts(tmp_path: Path) -> None:
    with connected(Counting(), tmp_path / "s") as connection:
        list(connection.complete(map(prompt, range(50))))
    with connected(Counting(), tmp_path / "s", budget=Budget(tokens=1, money=None)) as connection:
        assert len(list(connection.complete(map(prompt, range(50))))) == 50
        with pytest.raises(UserError, match="150 tokens read and 50 written"):
            list(connection.complete([prompt("new")]))


def test_another_model_s_spending_is_another_s(tmp_path: Path) -> None:
    with connected(Counting(), tmp_path / "s") as connection:
        list(connection.complete(map(prompt, range(50))))
    other = IDENTITY._replace(model="other")
    with connected(Counting(), tmp_path / "s", other, Budget(tokens=200, money=None)) as connection:
        assert len(list(connection.complete([prompt(1)]))) == 1


def test_another_process_s_spending_counts_once_it_is_stored(tmp_path: Path) -> None:
    with connected(Counting(), tmp_path / "s", budget=Budget(tokens=400, money=None)) as connection:
        list(connection.complete(map(prompt, range(5))))
        with connected(Counting(), tmp_path / "s") as elsewhere:
            list(elsewhere.complete(map(prompt, range(100, 190))))
        with pytest.raises(UserError, match="is used up"):
            list(connection.complete(map(prompt, range(5, 90))))


def test_a_prompt_has_no_more_tokens_than_counted() -> None:
    text = "\U0001f600\u4f60a" * 5
    sent_prompt = Prompt((Message("user", text),), SAMPLING, 1)
    assert (
        budgets.max_tokens_of(sent_prompt)[0] >= len(text.encode())
        and budgets.max_tokens_of(sent_prompt)[1] == SAMPLING.max_tokens
    )


def test_over_http_what_is_in_flight_counts_at_its_most_and_the_rest_goes_on(tmp_path: Path) -> None:
    """The server counts for itself what it has been made to write."""

    def handler(request: dict[str, Any], _: int) -> Answer:
        return completed(f"<{message_of(request)}> " + "word " * 9)

    def run(url: str, tokens: int) -> int:
        options = OPENAI | {"url": url, "model": "m", "concurrency": 16}
        engine = Engine(engine="openai", options=options, budget=Budget(tokens=tokens, money=None))
        with connect(engine, store=tmp_path / "s") as complete:
            return len(list(complete(prompt(n, sampling=Sampling(1.0, 1.0, 0, 40)) for n in range(100))))

    with serving(handler) as server:
        with pytest.raises(UserError, match="is used up"):
            run(server.url, 1000)
        sent = len(server.requests)
        assert 40 <= sent <= 1000 // 17  # 17 tokens each, 7 read and 10 written
        assert run(server.url, 100_000) == 100
        assert len(server.requests) == 100


def test_a_server_that_counts_no_tokens_can_not_be_kept_to_a_budget(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        return Answer(body=b'{"choices": [{"message": {"content": "free?"}, "finish_reason": "stop"}]}')

    with serving(handler) as server:
        options = OPENAI | {"url": server.url, "model": "m", "concurrency": 1}
        for budget, count in ((Budget(tokens=10_000, money=None), 1), (None, 20)):
            engine = Engine(engine="openai", options=options, budget=budget)
            with connect(engine, store=tmp_path / "s") as complete:
                if budget:
                    with pytest.raises(UserError, match=r"reports no token counts .* received so far are kept"):
                        list(complete(prompt(n) for n in range(20)))
                else:
                    assert len(list(complete(prompt(n) for n in range(20)))) == 20
            assert len(server.requests) >= count
    assert len(server.requests) == 20


def test_a_budget_in_money_needs_a_price() -> None:
    import yaml

    values = yaml.safe_load((Path(__file__).resolve().parents[2] / "stages/profiles/full.yaml").read_text())
    values["costs"]["generator"]["budget"] = {"tokens": None, "money": 5.0}
    with pytest.raises(UserError, match=r"costs\.generator: a budget in money needs a price"):
        parse(values)
