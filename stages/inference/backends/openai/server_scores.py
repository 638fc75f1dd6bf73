"""Log-probabilities of choices from a server's /completions, which reads each choice behind the prompt.

echo: OpenAI's own way, of vLLM, SGLang and others: the response repeats the prompt with the log-probability of each
token (https://platform.openai.com/docs/api-reference/completions/create). prompt_logprobs: vLLM's
(https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html), which repeats nothing.
"""

from typing import Any, Literal

import msgspec

from stages.core.completions import Prompt, Reply
from stages.inference.backends.openai.response_body import Choice, Completion
from stages.inference.choice_scoring import draw, offered

ScoresBy = Literal["none", "echo", "prompt_logprobs"]
"""How a server is asked for them; none: not at all."""
LEFT_OUT = frozenset(
    [
        "structured_outputs",
        "grammar",
        "stop",
        "max_completion_tokens",
        "top_logprobs",
        "temperature",
        "top_p",
        "top_k",
        "n",
    ]
)
"""Fields that concern what is generated, which is of no use here."""
Token = tuple[str, float | None]
"""A token's text and its log-probability; None for the first of all."""


def asks_scores(prompt: Prompt, by: ScoresBy) -> bool:
    """Whether the choices of a prompt are to be scored."""
    return by != "none" and bool(offered(prompt))


def scored_body(body: bytes, prompt: Prompt, by: ScoresBy) -> bytes:
    """The body of a request to /completions, changed so that each choice is read behind the prompt and scored.

    One token is generated behind each, since not every server takes 0.
    """
    fields = {name: value for name, value in msgspec.json.decode(body).items() if name not in LEFT_OUT}
    text = str(fields["prompt"])
    asked = {"echo": True, "logprobs": 1} if by == "echo" else {"prompt_logprobs": 0}
    return msgspec.json.encode(
        {**fields, "prompt": [text + choice for choice in offered(prompt)], "max_tokens": 1, **asked}
    )


def scored_reply(found: Completion, prompt: Prompt, tokens: tuple[int, int]) -> Reply:
    """One of the choices, by their scores. Failed, with the reason, where the response does not score each of them."""
    names, text = offered(prompt), "\n\n".join(message.content for message in prompt.messages)
    by_place = {choice.index: choice for choice in found.choices if isinstance(choice.index, int)}
    scores: dict[str, float] = {}
    for place, name in enumerate(names):
        score = _score(by_place.get(place), found, text + name, len(name))
        if score is None:
            error = f"the server gave no log-probabilities of the choice {name!r:.60}"
            return Reply("", "failed", *tokens, error=error)
        scores[name] = round(score, 6)
    return Reply(draw(names, list(scores.values()), prompt), "ok", *tokens, scores=scores)


def without_scores(reply: Reply, prompt: Prompt) -> str:
    """For people: that a reply to a prompt with choices has no scores of them; "" where it has, or needs none."""
    if not (prompt.constraint and prompt.constraint.choice) or reply.scores or reply.status not in ("ok", "truncated"):
        return ""
    return (
        "reports no scores of a prompt's choices, so the reply's text counts (policy: calibrated, reading: scores); "
        "dialects vllm and openai ask for scores, and so does `scores` with `api: completions`"
    )


def _score(choice: Choice | None, found: Completion, asked: str, length: int) -> float | None:
    """The sum over the tokens that hold a part of the last `length` characters of `asked`; None where they are not
    told.

    They are counted from the end: what a tokenizer adds before a prompt is no part of it.
    """
    score, text = 0.0, ""
    for token, value in reversed(_tokens(choice, found, asked)):
        if len(text) >= length:
            break
        if value is None:
            return None
        text, score = token + text, score + value
    return score if length and len(text) >= length and asked.endswith(text) else None


def _tokens(choice: Choice | None, found: Completion, asked: str) -> list[Token]:
    """The tokens of `asked`; none where the response does not tell them."""
    if choice is None:
        return []
    if isinstance(choice.logprobs, dict) and (choice.text or "").startswith(asked):
        texts, values = choice.logprobs.get("tokens"), choice.logprobs.get("token_logprobs")
        if isinstance(texts, list) and isinstance(values, list) and len(texts) == len(values):
            tokens = [(str(text), _number(value)) for text, value in zip(texts, values, strict=True)]
            return tokens[: len(tokens) - _generates(choice.text or "", asked, tokens)]
    told = choice.prompt_logprobs or (found.prompt_logprobs if len(found.choices) == 1 else None)
    return [_prompt_token(one) for one in told] if isinstance(told, list) else []


def _generates(text: str, asked: str, tokens: list[Token]) -> bool:
    """Whether the last token was generated; one that ends a text has no letters in it."""
    last = tokens[-1][0] if tokens else ""
    return len(text) > len(asked) or not last or not asked.endswith(last)


def _prompt_token(one: Any) -> Token:
    """vLLM gives a prompt's token as {id: {logprob, decoded_token}}; the one in the prompt comes first."""
    value = next(iter(one.values()), None) if isinstance(one, dict) else None
    if not isinstance(value, dict):
        return "", None
    return str(value.get("decoded_token") or ""), _number(value.get("logprob"))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
