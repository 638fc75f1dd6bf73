"""What a request says in each dialect, and how long a server asks to wait."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stages.engines import wire
from stages.messages import Constraint, Prompt
from tests.engines.counting import SAMPLING, prompt
from tests.engines.loopback import Answer

Handler = Callable[[dict[str, Any], int], Answer]


def body(asked: Prompt, dialect: wire.Dialect = "vllm", api: str = "chat", **extra: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wire.BODIES[api](asked, "m", dialect, extra))
    return found


CHOICE, REGEX = Constraint(choice=("A", 'B "quoted"')), Constraint(regex="[AB]+")


def test_the_body_of_a_chat_request() -> None:
    assert body(prompt("hello")) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 50,
        "max_tokens": 64,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("asked", "dialect", "there", "absent"),
    [
        (prompt("x"), "openai", {"max_completion_tokens": 64}, ("top_k", "max_tokens")),
        (prompt("x", constraint=CHOICE), "vllm", {"structured_outputs": {"choice": list(CHOICE.choice)}}, ("grammar",)),
        (prompt("x", constraint=CHOICE), "vllm", {"logprobs": True, "top_logprobs": 20}, ()),
        (prompt("x", constraint=REGEX), "vllm", {"structured_outputs": {"regex": "[AB]+"}}, ("logprobs",)),
        (prompt("x", constraint=CHOICE), "llamacpp", {"grammar": r'root ::= "A" | "B \"quoted\""'}, ("logprobs",)),
        (prompt("x", constraint=REGEX), "openai", {}, ("structured_outputs", "grammar")),
        (
            prompt("x", continue_final=True),
            "vllm",
            {"continue_final_message": True, "add_generation_prompt": False},
            (),
        ),
        (prompt("x", sampling=SAMPLING.__class__(0.0, 1.0, 0, 5, ("###",))), "vllm", {"stop": ["###"]}, ("top_k",)),
    ],
)
def test_what_a_dialect_sends(asked: Prompt, dialect: wire.Dialect, there: dict, absent: tuple[str, ...]) -> None:
    found = body(asked, dialect)
    assert {name: found[name] for name in there} == there
    assert not set(absent) & set(found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), (None, None), ("soon", None), ("Fri, 01 Jan 2016 00:00:00 GMT", 0.0)],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    with pytest.raises(wire.Busy) as busy:
        wire.read(429, {"Retry-After": value} if value else {}, b"{}", prompt("x"), True)
    assert busy.value.after == seconds
