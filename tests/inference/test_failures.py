"""What the error responses of servers mean, in the words and forms that they use."""

import json
from typing import Any

import pytest

from stages.inference.backends.openai.error_responses import Failure, classify, parse_error

FIELDS = ("model", "messages", "temperature", "top_p", "max_tokens", "seed", "top_k", "stop", "logprobs", "grammar")


def meant(status: int, body: Any, after: float | None = None) -> Failure:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return classify(status, parse_error(data), FIELDS, after)


FATAL: dict[str, tuple[int, Any]] = {
    "no key": (401, {"error": {"message": "No auth credentials found", "code": 401}}),
    "deepseek": (
        402,
        {"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request"}},
    ),
    "402 without a word": (402, ""),
    "openai": (
        429,
        {
            "error": {
                "message": "You exceeded your current quota, please check your plan and billing details.",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            }
        },
    ),
    "openai, with a wait": (429, {"error": {"message": "Please retry later", "code": "insufficient_quota"}}),
    "billing limit": (
        400,
        {"error": {"message": "Billing hard limit has been reached", "code": "billing_hard_limit_reached"}},
    ),
    "anthropic": (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low to access the Anthropic API.",
            },
        },
    ),
    "openrouter": (200, {"error": {"message": "Insufficient credits. Add more to continue.", "code": 402}}),
    "openrouter, as text": (200, {"error": {"message": "This key is out of credits", "code": "402"}}),
    "spending": (403, {"error": {"message": "Your account has exceeded its spending limit.", "code": 403}}),
    "litellm": (400, {"error": {"message": "Budget has been exceeded! Current cost: 5, Max budget: 5", "code": "400"}}),
    "litellm of openai": (500, {"error": {"message": "litellm.RateLimitError: OpenAIException - insufficient_quota"}}),
    "dashscope": (400, {"code": "Arrearage", "message": "Access denied, is your account in good standing?"}),
    "zhipu": (429, {"error": {"code": "1113", "message": "\u60a8\u7684\u8d26\u6237\u4f59\u989d\u4e0d\u8db3"}}),
    "wrapped": (
        502,
        {
            "error": {
                "message": "Provider returned error",
                "code": 502,
                "metadata": {"raw": json.dumps({"error": {"code": "insufficient_quota"}})},
            }
        },
    ),
    "a list": (400, [{"error": {"code": 402, "message": "pay"}}]),
    "fastapi": (403, {"detail": "Monthly limit reached, upgrade your subscription"}),
    "plain": (403, "Forbidden"),
    "html": (402, "<html><title>Payment Required</title></html>"),
    "google key": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    "no model": (404, {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404}}),
    "404 without a word": (404, ""),
    "ollama": (400, {"error": {"message": "model 'm' not found, try pulling it first", "type": "api_error"}}),
    "transformers serve": (400, {"detail": "Server is pinned to '/m'; requested 'x'."}),
    "lm studio": (200, {"error": "Unexpected endpoint or method. (POST /v1/chat/completion)"}),
    "bedrock": (400, {"message": "You don't have access to the model with the specified model ID."}),
    "google's permission": (400, {"error": {"status": "PERMISSION_DENIED", "message": "The caller may not do this"}}),
    "google's regions": (400, {"error": {"message": "User location is not supported for the API use."}}),
    "anthropic's organization": (400, {"error": {"message": "This organization has been disabled."}}),
    "a wallet": (400, {"error": "Your wallet is empty"}),
    "no balance": (400, {"msg": "not enough balance"}),
    "a trial": (400, {"detail": "Your free trial has ended"}),
    "a day's limit": (400, {"detail": "You've reached your daily limit"}),
    "an old token": (400, {"error": {"message": "The token has expired"}}),
    "captive portal": (511, "<html>log in</html>"),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_is_true_of_every_request(case: str) -> None:
    assert meant(*FATAL[case]) == Failure("fatal")


FIELD: dict[str, tuple[int, Any, str]] = {
    "max_tokens": (
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported, use 'max_completion_tokens' instead.",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
        "max_tokens",
    ),
    "temperature": (
        400,
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.0 with this model. Only "
                "the default (1) value is supported.",
                "param": "temperature",
            }
        },
        "temperature",
    ),
    "both": (
        400,
        {"error": {"message": "`temperature` and `top_p` cannot both be specified for this model."}},
        "temperature",
    ),
    "forbidden": (
        422,
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "top_k"],
                    "msg": "Extra inputs are not permitted",
                    "input": 50,
                }
            ]
        },
        "top_k",
    ),
    "mistral": (
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "seed"],
                        "msg": "Extra inputs are not permitted",
                        "input": 7,
                    }
                ]
            },
        },
        "seed",
    ),
    "unquoted": (400, {"message": "Unrecognized request argument supplied: top_k"}, "top_k"),
    "groq": (
        400,
        {"error": {"message": "property 'logprobs' is unsupported", "type": "invalid_request_error"}},
        "logprobs",
    ),
    "in success": (200, {"error": {"message": "Unsupported parameter: 'seed'", "code": 400, "param": "seed"}}, "seed"),
}


@pytest.mark.parametrize("case", FIELD)
def test_a_field_that_the_server_does_not_take_is_named(case: str) -> None:
    status, body, field = FIELD[case]
    assert meant(status, body) == Failure("fatal", field)


OTHERS: dict[str, tuple[int, Any, str]] = {
    "rate": (429, {"error": {"message": "Rate limit exceeded", "code": 429}}, "busy"),
    "gemini's rate": (
        429,
        [
            {
                "error": {
                    "code": 429,
                    "message": "You exceeded your current quota, please check your plan and "
                    "billing details. Please retry in 23.5s.",
                    "status": "RESOURCE_EXHAUSTED",
                }
            }
        ],
        "busy",
    ),
    "rate as success": (200, {"error": {"message": "Rate limit exceeded: free-models-per-min", "code": 429}}, "busy"),
    "a request beyond the rate": (
        429,
        {"error": {"message": "Request too large for m on tokens per min (TPM)"}},
        "row",
    ),
    "loading": (503, {"error": {"message": "Loading model", "code": 503}}, "busy"),
    "overloaded": (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, "busy"),
    "overloaded without a code": (200, {"error": {"message": "The engine is currently overloaded"}}, "busy"),
    "gateway": (502, "<html><title>502 Bad Gateway</title></html>", "transient"),
    "gateway as success": (200, {"error": {"message": "Provider returned error", "code": 502}}, "transient"),
    "a page as success": (200, "<!doctype html><html>Please log in</html>", "transient"),
    "fault": (500, {"error": "internal"}, "transient"),
    "timeout": (408, "", "transient"),
    "redirect": (307, "", "transient"),
    "long": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, you requested "
            "2616 tokens (568 in the messages, 2048 in the completion).",
            "param": None,
        },
        "row",
    ),
    "long, of a field": (
        400,
        {"error": {"message": "max_tokens is too large: the context window is 2048", "param": "max_tokens"}},
        "row",
    ),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
            }
        },
        "row",
    ),
    "large": (413, "", "row"),
    "azure": (
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering the content management policy.",
                "param": "prompt",
                "code": "content_filter",
            }
        },
        "refused",
    ),
    "openrouter moderates": (403, {"error": {"message": "Your input was flagged", "code": 403}}, "refused"),
    "what a row says about money": (
        422,
        {
            "detail": [
                {
                    "loc": ["body", "messages", 0],
                    "msg": "bad",
                    "input": "insufficient_quota, billing, 'top_k' is unsupported",
                }
            ]
        },
        "row",
    ),
    "unknown": (400, {"error": {"message": "bad"}}, "row"),
    "no JSON": (422, "\x1b[31mno JSON", "row"),
    "deep": (400, "[" * 5000, "row"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_passes_and_what_concerns_one_row(case: str) -> None:
    status, body, meaning = OTHERS[case]
    assert meant(status, body).kind == meaning


def test_a_quota_that_says_when_to_come_back_passes() -> None:
    assert meant(429, {"error": {"message": "quota exceeded"}}, after=3.0).kind == "busy"
    assert meant(429, {"error": {"message": "quota exceeded"}}).kind == "fatal"


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b"null", b"[]", b'"text"', b"{" * 9000, b'{"error": 3}']
)
def test_any_bytes_are_read(data: bytes) -> None:
    assert classify(400, parse_error(data), FIELDS).kind == "row"
