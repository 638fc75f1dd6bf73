"""Responses to the last round alone: the same rows and requests as if every round were responded to."""

import dataclasses
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.completions import Prompt, Reply
from stages.core.records import Record, Rejected, Step
from stages.seqinstruct.responses import ResponseConfig, kept_responses, respond_round
from stages.seqinstruct.rounds import is_on_hold
from tests.seqinstruct.models import SAMPLING, model, record

CONFIG = ResponseConfig(seed=7, round=0, sampling=SAMPLING, attempts=2, keep=("ok", "truncated"))
OUTCOMES = [("hold", "ok"), ("suffix", "ok"), ("prefix", "rejected"), ("", "unparsed")]
MADE = Step("respond", "respond", "ok", round=1, replies=("old",), generator="m", sampling={"temperature": 0.5})
HISTORIES = [
    (), (Step("augment", "repeat", "ok"),), (Step("evolve", "deepening", "ok", round=1), MADE),
    (Step("rewrite", "suffix", "ok", round=1), MADE), (Step("rewrite", "hold", "ok", round=1), MADE),
    (Step("rewrite", "hold", "frozen", round=2), MADE), (Step("rewrite", "hold", "frozen", round=2),),
]  # fmt: skip
"""Steps that rows of a corpus may have before its first round."""
Outcome = tuple[str, str]
Versions = list[list[Record]]


def rewritten(row: Record, round: int, outcome: Outcome) -> Record:
    """The row after a round; on hold, it is frozen."""
    action, status = ("hold", "frozen") if is_on_hold(row) else outcome
    step = Step("rewrite", action, status, round=round)  # type: ignore[arg-type]
    new = f"{row.instruction} Then {round}." if status == "ok" and action != "hold" else row.instruction
    return row.step(step, instruction=new)


@st.composite
def corpora(draw: st.DrawFn) -> Versions:
    """The rows of a corpus before its first round and after each."""
    rounds = draw(st.integers(1, 4))
    versions = [
        [
            record(f"Name {number}.", *draw(st.sampled_from(HISTORIES)), response=draw(st.sampled_from(["", "Own."])))
            for number in range(draw(st.integers(1, 5)))
        ]
    ]
    for number in range(1, rounds + 1):
        outcomes = draw(st.lists(st.sampled_from(OUTCOMES), min_size=5, max_size=5))
        after = [rewritten(row, number, one) for row, one in zip(versions[-1], outcomes, strict=False)]
        versions.append([row for row in after if draw(st.integers(0, 9))])  # a row may be set aside
    return versions


def unreliable(failing: float) -> Any:
    """A model whose reply depends on the request alone, and comes to nothing for a share of them."""

    def answer(prompt: Prompt) -> Reply:
        rng = Random(f"{prompt.seed}:{prompt.sample}")
        key = f"r{prompt.seed}-{prompt.sample}"
        if rng.random() < failing:
            return Reply(" ", rng.choice(["failed", "refused", "truncated", "ok"]), 1, 1, id=key, model="m")
        return Reply(f"Answer {prompt.seed}.", "ok", 1, 1, id=key, model="m", sent={"top_k": None})

    return answer


def every_round(versions: Versions, answer: Any, config: ResponseConfig, seen: list[Prompt]) -> list[Any]:
    """The last round, after every round before it."""
    earlier, done = versions[0], list[tuple[str, Record | Rejected]]()
    for number, rows in enumerate(versions):
        done = list(respond_round(rows, earlier, model(answer, seen), dataclasses.replace(config, round=number)))
        earlier = [row for _, row in done if isinstance(row, Record)]
    return done


def last_round(versions: Versions, answer: Any, config: ResponseConfig, seen: list[Prompt]) -> list[Any]:
    """The last round alone."""
    last = dataclasses.replace(config, round=len(versions) - 1)
    complete = model(answer, seen)
    kept = kept_responses([partial(iter, rows) for rows in versions], complete, last)
    return list(respond_round(versions[-1], kept, complete, last))


def keys(prompts: list[Prompt]) -> set[tuple[Any, ...]]:
    return {(prompt.messages, prompt.seed, prompt.sample) for prompt in prompts}


@given(corpora(), st.sampled_from(["respond", "keep"]), st.sampled_from(["respond", "corpus"]), st.floats(0, 0.6))
@settings(max_examples=300, deadline=None)
def test_the_last_round_is_the_same_and_asks_nothing_else(
    versions: Versions, hold: Any, round_0: Any, failing: float
) -> None:
    config = dataclasses.replace(CONFIG, hold=hold, round_0=round_0)
    asked_by_every, asked_by_last = list[Prompt](), list[Prompt]()
    expected = every_round(versions, unreliable(failing), config, asked_by_every)
    assert last_round(versions, unreliable(failing), config, asked_by_last) == expected
    assert keys(asked_by_last) <= keys(asked_by_every)
    if not failing:
        assert len(asked_by_last) <= len(versions[-1])


@pytest.mark.parametrize(("rounds", "requests"), [(1, 4), (2, 4), (3, 4)])
def test_each_row_is_asked_once_whatever_the_number_of_rounds(rounds: int, requests: int) -> None:
    versions = [[record(f"Name {n}.") for n in range(4)]]
    for number in range(1, rounds + 1):
        versions.append([rewritten(row, number, one) for row, one in zip(versions[-1], OUTCOMES, strict=True)])
    seen: list[Prompt] = []
    done = last_round(versions, unreliable(0), CONFIG, seen)
    assert len(seen) == requests and {name for name, _ in done} == {"rows"}
    held = done[0][1]
    assert held.steps[-1].status == ("frozen" if rounds > 1 else "ok")
    assert held.steps[-1].sampling["top_k"] is None  # as the request was, not as params have it
