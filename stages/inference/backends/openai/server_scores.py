"""Log-probabilities of choices from a server's /completions, with each choice appended to the prompt.

echo: OpenAI's own method, which vLLM, SGLang and others have: the response repeats the prompt with each token's
log-probability (https://platform.openai.com/docs/api-reference/completions/create). prompt_logprobs: vLLM's
(https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html), which repeats nothing.
"""

from typing import Any, Literal

import msgspec

from stages.core.completions import Prompt, Reply
from stages.inference.backends.openai.response_body import Choice, Completion
from stages.inference.prompt_requirements import choices_of, draw_choice

ScoresBy = Literal["none", "echo", "prompt_logprobs"]
"""How scores are requested; none: they are not."""
GENERATION_FIELDS = frozenset(
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
"""Fields about the generated text, which is not used here."""
Token = tuple[str, float | None]
"""A token's text and its log-probability; None for the first of all."""


def requests_scores(prompt: Prompt, by: ScoresBy) -> bool:
    """Whether the choices of a prompt are to be scored by the server."""
    return by != "none" and bool(choices_of(prompt))


def scored_body(body: bytes, prompt: Prompt, by: ScoresBy) -> bytes:
    """The body of a request to /completions, changed so that the prompt is sent once with each choice appended.

    One token is generated after each, since not every server accepts 0.
    """
    fields = {name: value for name, value in msgspec.json.decode(body).items() if name not in GENERATION_FIELDS}
    text = str(fields["prompt"])
    scoring = {"echo": True, "logprobs": 1} if by == "echo" else {"prompt_logprobs": 0}
    return msgspec.json.encode(
        {**fields, "prompt": [text + choice for choice in choices_of(prompt)], "max_tokens": 1, **scoring}
    )


def scored_reply(completion: Completion, prompt: Prompt, tokens: tuple[int, int]) -> Reply:
    """One of the choices, by their scores. Failed, with the reason, where the response does not score each of them."""
    names, text = choices_of(prompt), "\n\n".join(message.content for message in prompt.messages)
    by_place = {choice.index: choice for choice in completion.choices if isinstance(choice.index, int)}
    scores: dict[str, float] = {}
    for place, name in enumerate(names):
        score = _score(by_place.get(place), completion, text + name, len(name))
        if score is None:
            error = f"the server gave no log-probabilities of the choice {name!r:.60}"
            return Reply("", "failed", *tokens, error=error)
        scores[name] = round(score, 6)
    return Reply(draw_choice(names, list(scores.values()), prompt), "ok", *tokens, scores=scores)


def missing_scores_message(reply: Reply, prompt: Prompt) -> str:
    """A message that a reply to a prompt with choices has no scores of them; "" where it has, or needs none."""
    if not (prompt.constraint and prompt.constraint.choice) or reply.scores or reply.status not in ("ok", "truncated"):
        return ""
    return (
        "reports no scores of a prompt's choices, so the reply's text counts (policy: calibrated, reading: scores); "
        "dialects vllm and openai ask for scores, and so does `scores` with `api: completions`"
    )


def _score(choice: Choice | None, completion: Completion, scored_text: str, length: int) -> float | None:
    """The sum over the tokens that hold a part of the last `length` characters; None if a token has no score.

    Characters are counted from the end: what a tokenizer adds before a prompt is no part of the text.
    """
    score, suffix = 0.0, ""
    for token, value in reversed(_tokens(choice, completion, scored_text)):
        if len(suffix) >= length:
            break
        if value is None:
            return None
        suffix, score = token + suffix, score + value
    return score if length and len(suffix) >= length and scored_text.endswith(suffix) else None


def _tokens(choice: Choice | None, completion: Completion, scored_text: str) -> list[Token]:
    """The tokens of `scored_text`; none where the response does not list them."""
    if choice is None:
        return []
    if isinstance(choice.logprobs, dict) and (choice.text or "").startswith(scored_text):
        texts, values = choice.logprobs.get("tokens"), choice.logprobs.get("token_logprobs")
        if isinstance(texts, list) and isinstance(values, list) and len(texts) == len(values):
            tokens = [(str(text), _number(value)) for text, value in zip(texts, values, strict=True)]
            return tokens[: len(tokens) - _ends_with_generated(choice.text or "", scored_text, tokens)]
    prompt_tokens = choice.prompt_logprobs or (completion.prompt_logprobs if len(completion.choices) == 1 else None)
    return [_prompt_token(token) for token in prompt_tokens] if isinstance(prompt_tokens, list) else []


def _ends_with_generated(text: str, scored_text: str, tokens: list[Token]) -> bool:
    """Whether the last token was generated; one that ends a text has no letters in it."""
    last = tokens[-1][0] if tokens else ""
    return len(text) > len(scored_text) or not last or not scored_text.endswith(last)


def _prompt_token(token: Any) -> Token:
    """vLLM gives a prompt's token as {id: {logprob, decoded_token}}; the one in the prompt comes first."""
    value = next(iter(token.values()), None) if isinstance(token, dict) else None
    if not isinstance(value, dict):
        return "", None
    return str(value.get("decoded_token") or ""), _number(value.get("logprob"))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
