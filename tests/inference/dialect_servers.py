"""Servers on loopback with the dialects of real ones: what they take, refuse and ignore, by the request's fields."""

import json
from collections.abc import Callable
from typing import Any

from tests.inference.gbnf_reader import read_grammar
from tests.inference.loopback import Answer, completed

WORDS = " ".join(str(number) for number in range(1, 51))
Handler = Callable[[dict[str, Any], int], Answer]


def error(status: int, message: str, **more: Any) -> Answer:
    return Answer(status, json.dumps({"error": {"message": message} | more}).encode())


def counted(request: dict[str, Any], limit: int | None, **message: Any) -> Answer:
    """The count to fifty, a token a word, up to a limit and to the words in `stop`."""
    words = WORDS.split()
    stop = (request.get("stop") or ["none"])[0]
    end = words.index(stop) if stop in words else len(words)
    kept = words[: min(end, limit if limit is not None else end)]
    answer = completed(" ".join(kept), "length" if limit is not None and limit < end else "stop", **message)
    body = json.loads(answer.body)
    if request.get("logprobs") is True:
        body["choices"][0]["logprobs"] = {"content": [{"token": "1", "logprob": -0.1, "top_logprobs": []}]}
    if "prompt" in request:
        body["choices"][0] = {"index": 0, "text": " ".join(kept), "finish_reason": "length"}
    return Answer(body=json.dumps(body).encode())


def vllm(request: dict[str, Any], _: int) -> Answer:
    """Takes all that it knows, and ignores the rest."""
    if choice := request.get("structured_outputs"):
        return completed(choice["choice"][0])
    return counted(request, request.get("max_completion_tokens") or request.get("max_tokens"))


def llamacpp(request: dict[str, Any], _: int) -> Answer:
    if grammar := request.get("grammar"):
        return completed(read_grammar(grammar).example())
    return counted(request, request.get("max_completion_tokens") or request.get("max_tokens"))


def literal(request: dict[str, Any], _: int) -> Answer:
    """Takes a grammar and keeps to its literals alone."""
    if grammar := request.get("grammar"):
        return completed("".join(grammar.split('"')[1::2]))
    return llamacpp(request, 0)


def hosted(request: dict[str, Any], _: int) -> Answer:
    """OpenAI's own, with a model that does not reason: unknown fields are refused by name."""
    for name in ("top_k", "structured_outputs", "grammar"):
        if name in request:
            return error(400, f"Unrecognized request argument supplied: {name}", type="invalid_request_error")
    return counted(request, request.get("max_completion_tokens") or request.get("max_tokens"))


def reasoning(request: dict[str, Any], _: int) -> Answer:
    """OpenAI's own, with a model that reasons."""
    fixed = {"temperature": 1, "top_p": 1}
    for name in ("max_tokens", "top_k", "logprobs", "stop"):
        if name in request:
            text = f"Unsupported parameter: '{name}' is not supported with this model."
            return error(400, text, param=name, code="unsupported_parameter")
    for name, only in fixed.items():
        if request.get(name, only) != only:
            text = f"Unsupported value: '{name}' does not support {request[name]} with this model. Only the default"
            return error(400, text, param=name, code="unsupported_value")
    return error(
        400, "Could not finish the message because max_tokens or model output limit was reached. Please try again with "
        "higher max_tokens.", type="invalid_request_error", param=None,
    )  # fmt: skip


def either(request: dict[str, Any], _: int) -> Answer:
    """Takes a temperature or top_p but not both, as Claude does."""
    if {"temperature", "top_p"} <= request.keys():
        return error(400, "`temperature` and `top_p` cannot both be specified for this model.")
    return (
        strict(request, 0)
        if request.keys() & {"top_k", "seed", "logprobs"}
        else counted(request, request["max_tokens"])
    )


def strict(request: dict[str, Any], _: int) -> Answer:
    """A pydantic model that forbids other fields."""
    known = {"model", "messages", "max_tokens", "temperature", "top_p", "stop"}
    extra = [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
             for name in sorted(request.keys() - known)]  # fmt: skip
    if extra:
        return Answer(422, json.dumps({"detail": extra}).encode())
    return counted(request, request.get("max_tokens"))


def silent(request: dict[str, Any], _: int) -> Answer:
    """Refuses a field without a word about which: here the seed, which is not the first that one suspects."""
    return Answer(400, b"Bad Request") if "seed" in request else vllm(request, 0)


def endless(request: dict[str, Any], _: int) -> Answer:
    """Ignores every limit of tokens."""
    return counted(request, None)


def modern(request: dict[str, Any], _: int) -> Answer:
    """Ignores max_tokens, keeps to max_completion_tokens."""
    return counted(request, request.get("max_completion_tokens"))


def aloud(request: dict[str, Any], _: int) -> Answer:
    """A reasoning parser in front of it."""
    return counted(request, request.get("max_tokens"), content=None, reasoning_content="Okay, the user wants")


def tagged(request: dict[str, Any], _: int) -> Answer:
    """No reasoning parser: the reasoning is in the text, and the constraint holds for the answer."""
    if choice := request.get("structured_outputs"):
        return completed(f"<think>They want a word.</think>{choice['choice'][0]}")
    return completed("<think>Okay, the user wants", "length")


SERVERS: dict[str, tuple[Handler, str, list[str]]] = {
    "vllm": (vllm, "vllm", []),
    "llama.cpp": (llamacpp, "llamacpp", []),
    "grammar, by half": (literal, "openai", ["top_k"]),
    "OpenAI": (hosted, "openai", ["top_k"]),
    "OpenAI, reasoning": (reasoning, "openai", ["logprobs", "temperature", "top_k", "top_p"]),
    "Claude": (either, "plain", ["top_k", "top_p"]),
    "strict": (strict, "plain", ["top_k"]),
    "refuses without a word": (silent, "vllm", ["seed"]),
    "ignores max_tokens": (modern, "openai", ["top_k"]),
    "ignores every limit": (endless, "plain", ["top_k"]),
    "reasoning_content": (aloud, "plain", ["top_k"]),
    "<think>": (tagged, "vllm", []),
}
"""Name -> the server, the dialect that `auto` finds, and the fields that it leaves out."""
