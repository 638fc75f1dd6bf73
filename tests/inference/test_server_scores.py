"""Scores of choices from /completions, against a server that computes them as real ones do, and ones that don't."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stages.core.completions import Constraint, Message, Prompt
from stages.core.errors import UserError
from stages.inference.backends.openai import endpoint
from tests.inference.counting import OPENAI, SAMPLING, prompt
from tests.inference.loopback import Answer
from tests.inference.test_openai import served

GREEDY = SAMPLING.__class__(0.0, 1.0, 0, 1)
CHOICES = (" A", " the Moon", " the Moon and the Sun")


def question(text: str = "What goes round the Earth?\nAnswer:", choices: tuple[str, ...] = CHOICES) -> Prompt:
    return prompt(
        text, messages=(Message("user", text),), sampling=GREEDY, constraint=Constraint(choice=choices), raw=True
    )


def tokens(text: str) -> list[str]:
    return re.findall(r" ?\w+|\W", text)


def score(token: str) -> float:
    return -len(token) / 8


def echoing(body: dict[str, Any], bos: bool, generated: list[str]) -> dict[str, Any]:
    """As vLLM and OpenAI: the prompt's tokens, perhaps with one that begins every text, and what was generated."""
    choices = []
    for index, text in enumerate(body["prompt"]):
        parts = [*(["<s>"] if bos else []), *tokens(text), *generated]
        values: list[float | None] = [None, *(score(part) for part in parts[1:])]
        logprobs = {"tokens": parts, "token_logprobs": values, "text_offset": [0] * len(parts)}
        shown = text + "".join(part for part in generated if part != "</s>")
        choices.append({"index": index, "text": shown, "logprobs": logprobs, "finish_reason": "length"})
    return {"choices": choices[::-1], "usage": {"prompt_tokens": 40, "completion_tokens": len(choices)}}


def telling(body: dict[str, Any], bos: bool, generated: list[str]) -> dict[str, Any]:
    """As vLLM with prompt_logprobs: beside each token of the prompt perhaps a likelier one."""
    choices = []
    for index, text in enumerate(body["prompt"]):
        parts = [*(["<s>"] if bos else []), *tokens(text)]
        output: list[Any] = [None]
        for part in parts[1:]:
            likelier = {"7": {"logprob": -0.01, "rank": 1, "decoded_token": " x"}}
            output.append({"5": {"logprob": score(part), "rank": 2, "decoded_token": part}} | likelier)
        choices.append(
            {"index": index, "text": "".join(generated), "prompt_logprobs": output, "finish_reason": "length"}
        )
    return {"choices": choices, "usage": {"prompt_tokens": 40, "completion_tokens": len(choices)}}


@pytest.mark.parametrize(("by", "server"), [("echo", echoing), ("prompt_logprobs", telling)])
@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("generated", [[" A"], [" Moon"], ["."], ["</s>"], [""], []])
def test_a_choice_is_worth_what_its_tokens_are(
    tmp_path: Path, by: str, server: Any, bos: bool, generated: list[str]
) -> None:
    def handler(body: dict[str, Any], _: int) -> Answer:
        return Answer(body=json.dumps(server(body, bos, generated)).encode())

    prompts = [question(), question("A A", (" A", " B")), question("The Moon.", (" the Moon", "Moon"))]
    replies, sent = served(handler, tmp_path, prompts, api="completions", scores=by)
    for one, reply in zip(prompts, replies, strict=True):
        assert one.constraint is not None
        expected = {choice: sum(map(score, tokens(choice))) for choice in one.constraint.choice}
        assert reply.status == "ok" and reply.scores == pytest.approx(expected, abs=1e-6)
        assert reply.text == max(expected, key=lambda choice: expected[choice])
    body = next(body for body in sent.requests if body["prompt"][0].startswith("What"))
    assert body["prompt"] == [f"What goes round the Earth?\nAnswer:{choice}" for choice in CHOICES]
    assert body["max_tokens"] == 1 and not {"structured_outputs", "top_k", "temperature"} & set(body)
    assert (body.get("echo"), body.get("prompt_logprobs")) == ((True, None) if by == "echo" else (None, 0))


def three(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": number, "text": " x"} | fields for number in range(3)]}


UNABLE: dict[str, Any] = {
    "no log-probabilities": three(),
    "one choice": {"choices": [{"index": 0, "text": " A", "logprobs": None}]},
    "no echo": three(logprobs={"tokens": [" x"], "token_logprobs": [-1.0]}),
    "llama.cpp's own": three(logprobs={"content": [{"token": " x", "logprob": -1.0}]}),
    "other tokens": three(prompt_logprobs=[None, {"1": {"logprob": -1.0, "decoded_token": "?"}}]),
    "nonsense": three(prompt_logprobs=[3, [], {"1": 7}]),
}


@pytest.mark.parametrize("kind", UNABLE)
@pytest.mark.parametrize("by", ["echo", "prompt_logprobs"])
def test_a_server_that_does_not_score_gives_a_failure_and_no_wrong_score(tmp_path: Path, kind: str, by: str) -> None:
    handler = lambda body, _: Answer(body=json.dumps(UNABLE[kind]).encode())  # noqa: E731
    (reply,), _ = served(handler, tmp_path, [question()], api="completions", scores=by)
    assert (reply.status, reply.text, reply.scores) == ("failed", "", {})
    assert "no log-probabilities of the choice ' A'" in reply.error


def test_what_is_answered_freely_is_asked_as_ever(tmp_path: Path) -> None:
    def handler(body: dict[str, Any], _: int) -> Answer:
        assert body["prompt"] == "Why?" and "echo" not in body
        return Answer(body=b'{"choices": [{"text": " Because.", "finish_reason": "stop"}]}')

    free = prompt("Why?", messages=(Message("user", "Why?"),), raw=True)
    (reply,), _ = served(handler, tmp_path, [free], api="completions", scores="echo")
    assert reply.text == " Because."


def test_scores_change_the_keys_only_where_they_are_asked_for() -> None:
    base = OPENAI | {"url": "http://h/v1", "model": "m", "api": "completions"}
    assert endpoint.identify(None, base) == endpoint.identify(None, base | {"scores": "none"})
    assert endpoint.identify(None, base) != endpoint.identify(None, base | {"scores": "echo"})
    assert endpoint.capabilities(Path("nowhere"), base | {"scores": "echo"}).choice_scores
    assert not endpoint.capabilities(Path("nowhere"), base).choice_scores
    with pytest.raises(UserError, match="scores: echo needs `api: completions`"):
        endpoint.identify(None, base | {"api": "chat", "scores": "echo"})
