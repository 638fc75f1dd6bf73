"""What a request says in each dialect, and how long a server asks to wait."""

import json
from collections.abc import Callable, Collection
from typing import Any

import pytest

from stages.core.completions import Constraint, Prompt, Reply
from stages.inference.backends.openai import request_body
from stages.inference.backends.openai.error_responses import BusyError, FatalError, TransientError
from stages.inference.backends.openai.reply_reader import over_limit_message, read_reply
from tests.inference.counting import SAMPLING, prompt
from tests.inference.loopback import Answer

Handler = Callable[[dict[str, Any], int], Answer]


def body(
    sent_prompt: Prompt,
    dialect: request_body.Dialect = "vllm",
    api: str = "chat",
    omit: Collection[request_body.Omitted] = (),
    **extra: Any,
) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(request_body.BODIES[api](sent_prompt, "m", dialect, extra, omit))
    return result


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
    ("sent_prompt", "dialect", "there", "absent"),
    [
        (prompt("x"), "openai", {"max_completion_tokens": 64}, ("top_k", "max_tokens")),
        (prompt("x", constraint=CHOICE), "vllm", {"structured_outputs": {"choice": list(CHOICE.choice)}}, ("grammar",)),
        (prompt("x", constraint=CHOICE), "vllm", {"logprobs": True, "top_logprobs": 20}, ()),
        (prompt("x", constraint=REGEX), "vllm", {"structured_outputs": {"regex": "[AB]+"}}, ("logprobs",)),
        (prompt("x", constraint=CHOICE), "llamacpp", {"grammar": r'root ::= "A" | "B \"quoted\""'}, ("logprobs",)),
        (prompt("x", constraint=REGEX), "llamacpp", {"grammar": "root ::= [A-B]+"}, ("structured_outputs",)),
        (prompt("x", constraint=Constraint(regex="(?=A)B")), "llamacpp", {}, ("structured_outputs", "grammar")),
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
def test_what_a_dialect_sends(
    sent_prompt: Prompt, dialect: request_body.Dialect, there: dict, absent: tuple[str, ...]
) -> None:
    result = body(sent_prompt, dialect)
    assert {name: result[name] for name in there} == there
    assert not set(absent) & set(result)


PLAIN = {"model", "messages", "temperature", "top_p", "max_tokens"}
ALL: tuple[request_body.Omitted, ...] = ("temperature", "top_p", "seed", "logprobs")
NEW = "max_completion_tokens"


@pytest.mark.parametrize(
    ("dialect", "api", "omit", "extra", "names"),
    [
        ("plain", "chat", (), {}, PLAIN),
        ("plain", "completions", (), {}, PLAIN - {"messages"} | {"prompt"}),
        ("plain", "chat", ("temperature",), {"n": 1}, PLAIN - {"temperature"} | {"n"}),
        ("openai", "chat", ALL, {}, {"model", "messages", NEW}),
        ("plain", "chat", ("top_p",), {NEW: 9}, PLAIN - {"top_p", "max_tokens"} | {NEW}),
        ("plain", "chat", ("temperature",), {"temperature": 1.0}, PLAIN),
    ],
)  # fmt: skip
def test_a_request_has_these_fields_and_no_other(
    dialect: request_body.Dialect, api: str, omit: tuple[request_body.Omitted, ...], extra: dict, names: set[str]
) -> None:
    sampling = SAMPLING.__class__(0.0, 1.0, 0, 5)
    assert set(body(prompt("x", sampling=sampling, constraint=CHOICE), dialect, api, omit, **extra)) == names


@pytest.mark.parametrize(
    ("tokens", "text", "limit", "output"),
    [
        (22, "a", 10, True), (10, "a", 10, False), (14, "a", 10, False), (0, "word " * 22, 10, True),
        (0, "word " * 10, 10, False), (2304, "a", 2048, False), (2400, "a", 2048, True), (0, "", 1, False),
    ],
)  # fmt: skip
def test_a_limit_that_a_server_ignored_is_noticed(tokens: int, text: str, limit: int, output: bool) -> None:
    assert bool(over_limit_message(Reply(text, "ok", 5, tokens), limit)) == output


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), (None, None), ("soon", None), ("Fri, 01 Jan 2016 00:00:00 GMT", 0.0)],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    with pytest.raises(BusyError) as busy:
        read_reply(429, {"Retry-After": value} if value else {}, b"{}", prompt("x"))
    assert busy.value.retry_after == seconds


@pytest.mark.parametrize("value", ["601", "86400", "1e400", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_says_come_back_tomorrow_ends_the_run(value: str) -> None:
    with pytest.raises(FatalError, match=r"HTTP 503: later \(Retry-After: .* s, and no more than 600 s are waited"):
        read_reply(503, {"Retry-After": value}, b'{"message": "later"}', prompt("x"))


@pytest.mark.parametrize("value", ["nan", "-inf", "Mon, 01 Jan 0001 00:00:00 +2300", "\u0967x", "1e", ","])
def test_a_senseless_retry_after_is_none_or_no_wait(value: str) -> None:
    with pytest.raises(BusyError) as busy:
        read_reply(429, {"Retry-After": value}, b"{}", prompt("x"))
    assert busy.value.retry_after in (None, 0.0)


def read(choice: dict[str, Any], **rest: Any) -> Reply:
    data = json.dumps({"choices": [choice]} | rest).encode()
    return read_reply(200, {}, data, prompt("x"))


def says(content: object, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"message": {"content": content} | message, "finish_reason": finish}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 2}, (7, 2)),
        ({"prompt_tokens": 7.0, "completion_tokens": 2.5}, (7, 2)),
        ({"prompt_tokens": -7, "completion_tokens": 10**30}, (0, 0)),
        ({"prompt_tokens": None, "completion_tokens": "2"}, (0, 0)),
        ({}, (0, 0)),
        ([], (0, 0)),
        (None, (0, 0)),
        ("free", (0, 0)),
    ],
)
def test_a_reply_is_not_lost_over_its_bill(usage: object, tokens: tuple[int, int]) -> None:
    reply = read(says("paid"), usage=usage)
    assert (reply.text, reply.status, (reply.tokens_in, reply.tokens_out)) == ("paid", "ok", tokens)


UNSTRICT: dict[str, tuple[bytes, str]] = {
    "a byte-order mark": (b'\xef\xbb\xbf{"choices": [{"text": "paid"}]}', "paid"),
    "NaN in the bill": (b'{"choices": [{"text": "paid"}], "usage": {"prompt_tokens": NaN}}', "paid"),
    "a number of 5,000 digits": (b'{"choices": [{"text": "paid"}], "usage": {"x": 1%s}}' % (b"0" * 5000), "paid"),
    "half an emoji": (rb'{"choices": [{"text": "paid \ud83d"}]}', "paid \ufffd"),
    "the second half of one": (rb'{"choices": [{"message": {"content": "\ude00 paid"}}]}', "\ufffd paid"),
    "white space": (b'\n   {"choices": [{"text": "paid"}]} \r\n', "paid"),
}


@pytest.mark.parametrize("case", UNSTRICT)
@pytest.mark.parametrize("status", [200, 201])
def test_a_reply_is_not_lost_over_its_json(case: str, status: int) -> None:
    data, text = UNSTRICT[case]
    reply = read_reply(status, {}, data, prompt("x"))
    assert (reply.status, reply.text) == ("ok", text)


NO_TEXT = [
    b'{"choices": [{"message": {"content": 42}, "finish_reason": "stop"}]}',
    b'{"choices": [{"message": {"content": {"a": 1}}, "finish_reason": "stop"}]}',
    b'{"choices": [{"message": null, "finish_reason": "stop"}]}',
    b'{"choices": [{"delta": {"content": "streamed"}}]}',
    b'{"choices": [{"text": "latin \xe9"}]}',
    b'{"choices": [{"text": "a"}]}{"choices": [{"text": "b"}]}',
    b'{"choices": [{"text": "a", "x": %s1%s}]}' % (b"[" * 99999, b"]" * 99999),
    b'{"choices": [{"text": "\xff", "x": %s' % (b"[" * 99999),
    b'{"error": %s1%s}' % (b"[" * 99999, b"]" * 99999),
    b"",
]


@pytest.mark.parametrize("data", NO_TEXT, ids=range(len(NO_TEXT)))
@pytest.mark.parametrize("status", [200, 202, 204])
def test_what_holds_no_text_of_a_known_form_is_no_empty_reply(data: bytes, status: int) -> None:
    with pytest.raises(TransientError, match="no completion"):
        read_reply(status, {}, data, prompt("x"))


@pytest.mark.parametrize("finish", ["error", "abort", "insufficient_system_resource"])
def test_a_text_that_the_server_broke_off_is_asked_for_again(finish: str) -> None:
    with pytest.raises(TransientError, match=f"broke the reply off \\({finish}\\)"):
        read(says("half a sen", finish))


def test_an_error_that_comes_as_success_says_what_is_wrong() -> None:
    with pytest.raises(TransientError, match=r"no completion \(.*choices.*\): upstream is full"):
        read_reply(200, {}, b'{"error": {"message": "upstream is full"}}', prompt("x"))


def test_parts_that_are_text_are_the_reply() -> None:
    parts = [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 3, {}]
    assert read(says(parts)).text == "ab"


def test_a_tool_call_is_no_empty_reply() -> None:
    assert read(says(None, "tool_calls", tool_calls=[{"id": "1"}])).status == "failed"
    assert read(says("text", tool_calls=[])).status == "ok"


def test_reasoning_beside_the_text_is_no_text() -> None:
    for choice, text, reasoning in (
        (says(None, reasoning_content="hm"), "", "hm"),
        (says("x", reasoning_content="hm"), "x", "hm"),
        (says(""), "", ""),
    ):
        assert (read(choice).text, read(choice).reasoning) == (text, reasoning)
