"""How completions of many servers end, what of them is text, and what reasoning."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.completions import Reply
from stages.inference.backends.openai.error_responses import TransientError
from stages.inference.backends.openai.reply_reader import read_reply
from stages.inference.backends.openai.response_body import REASONS, ending_of, filter_reason
from tests.inference.counting import prompt
from tests.inference.loopback import Answer, message_of
from tests.inference.test_openai import asking, echo, served


def read(choice: Any, **rest: Any) -> Reply:
    return read_reply(200, {}, json.dumps({"choices": [choice]} | rest).encode(), prompt("x"))


def ended(reason: Any, text: str | None = "A text.", **message: Any) -> dict[str, Any]:
    return {"message": {"content": text} | message, "finish_reason": reason}


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        (["stop", "STOP", "end_turn", "eos", "eos_token", "stop_sequence", "COMPLETE", "FINISH_REASON_STOP"], "ok"),
        ([None, ""], "ok"),
        (["length", "max_tokens", "MAX_TOKENS", "model_length", "ERROR_LIMIT"], "truncated"),
        (["model_context_window_exceeded", "FinishReason.MAX_TOKENS", "max-tokens", "pause_turn"], "truncated"),
        (["content_filter", "SAFETY", "RECITATION", "PROHIBITED_CONTENT", "refusal", "sensitive"], "refused"),
        (["ERROR_TOXIC", "guardrail_intervened", "FINISH_REASON_SAFETY", "BLOCKLIST"], "refused"),
        (["tool_calls", "something new", 7], "ok"),
    ],
)  # fmt: skip
def test_a_finish_reason_of_any_server_says_how_a_reply_ended(reasons: list[Any], status: str) -> None:
    for reason in reasons:
        reply = read(ended(reason))
        assert (reply.status, reply.text) == (status, "" if status == "refused" else "A text."), reason


@pytest.mark.parametrize(
    "reason", ["error", "abort", "ERROR", "network_error", "insufficient_system_resource", "cancelled"]
)
def test_a_reply_that_the_server_broke_off_is_asked_for_again(reason: str) -> None:
    with pytest.raises(TransientError, match="broke the reply off"):
        read(ended(reason))
    with pytest.raises(TransientError, match="broke the reply off"):
        read(ended("something new", None))


@given(st.sampled_from(sorted({name for names in REASONS.values() for name in names.split()})), st.data())
def test_letters_and_prefixes_of_a_finish_reason_do_not_matter(name: str, data: st.DataObject) -> None:
    form = data.draw(
        st.sampled_from([str.upper, str.title, lambda n: f"FINISH_REASON_{n}", lambda n: n.replace("_", "-")])
    )
    assert ending_of(form(name)) == ending_of(name) != "unknown"


def test_no_finish_reason_is_in_two_lists() -> None:
    names = [name for names in REASONS.values() for name in names.split()]
    assert len(names) == len(set(names))


def test_an_unknown_finish_reason_is_told() -> None:
    remarks: list[str] = []
    for reason in ("odd\x1b[31m", "stop"):
        data = json.dumps({"choices": [ended(reason)]}).encode()
        read_reply(200, {}, data, prompt("x"), notify=remarks.append)
    (line,) = remarks
    assert "'odd [31m' is not known" in line


def test_a_completion_with_an_error_is_no_reply() -> None:
    for reason in (None, "error", "stop"):
        with pytest.raises(TransientError, match="Provider disconnected"):
            read(ended(reason, "half a sent") | {"error": {"code": 502, "message": "Provider disconnected"}})


def test_a_tool_call_without_a_text_is_a_failure() -> None:
    for choice in (ended("tool_calls", None), ended("tool_use", ""), ended("stop", "", tool_calls=[{"id": "1"}])):
        assert read(choice).status == "failed"


def part(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind} | fields


THINKING = part("thinking", thinking=[part("text", text="hm")])


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "a", "reasoning_content": "hm"}, "a", "hm"),
        ({"content": "a", "reasoning": "hm"}, "a", "hm"),
        ({"content": "a", "reasoning": "hm", "reasoning_content": "hm\n"}, "a", "hm"),
        ({"content": "a", "thinking": "hm"}, "a", "hm"),
        ({"content": None, "reasoning": "hm"}, "", "hm"),
        ({"content": "a", "reasoning": {"effort": "low"}, "reasoning_content": None}, "a", ""),
        ({"content": "a", "reasoning_details": [part("reasoning.text", text="hm")]}, "a", "hm"),
        ({"content": "a", "reasoning": "hm", "reasoning_details": [part("reasoning.text", text="hm")]}, "a", "hm"),
        ({"content": [THINKING, part("text", text="a"), part("text", text="b")]}, "ab", "hm"),
        ({"content": [part("thinking", thinking="hm"), part("text", text="a")]}, "a", "hm"),
        ({"content": [part("reasoning", text="hm"), part("output_text", text="a")]}, "a", "hm"),
        ({"content": [part("text", text="hm", thought=True), part("text", text="a")]}, "a", "hm"),
        ({"content": [part("image_url", image_url={}), "a", 3, None, {}, [], part("text", text=7)]}, "a", ""),
        ({"content": []}, "", ""),
        ({}, "", ""),
    ],
)  # fmt: skip
def test_text_and_reasoning_are_told_apart(message: dict[str, Any], text: str, reasoning: str) -> None:
    reply = read({"message": message, "finish_reason": "stop"})
    assert (reply.text, reply.reasoning) == (text, reasoning)


def test_a_completion_of_a_base_model_may_have_reasoning_beside_it() -> None:
    reply = read({"text": "a", "reasoning": "hm", "finish_reason": "stop"})
    assert (reply.text, reply.reasoning) == ("a", "hm")


FILTERED = {"content_filter_results": {"hate": {"filtered": True, "severity": "high"}}, "prompt_index": 0}
UNFILTERED = {"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}, "prompt_index": 0}
WITHHELD = {
    "Gemini": {"choices": None, "prompt_feedback": {"block_reason": "PROHIBITED_CONTENT"}},
    "Gemini, its own names": {"promptFeedback": {"blockReason": "SAFETY"}},
    "Azure": {"choices": [], "prompt_filter_results": [FILTERED]},
    "Azure, older": {"choices": [], "prompt_annotations": [FILTERED]},
}


@pytest.mark.parametrize("server", WITHHELD)
def test_a_prompt_filter_within_a_success_is_a_refusal(server: str) -> None:
    reply = read_reply(200, {}, json.dumps(WITHHELD[server]).encode(), prompt("x"))
    assert (reply.status, reply.text) == ("refused", "") and reply.error.startswith("prompt filter")


def test_a_completion_with_unfiltered_results_is_no_refusal() -> None:
    assert read(ended("stop"), prompt_filter_results=[UNFILTERED]).status == "ok"
    assert read(ended("stop") | UNFILTERED).status == "ok"
    assert read(ended("stop") | FILTERED).status == "ok", "it was annotated, but not withheld"
    assert read(ended(None, "") | FILTERED).status == "refused"
    assert filter_reason(json.dumps({"choices": [], "prompt_filter_results": [UNFILTERED]}).encode()) == ""
    assert filter_reason(b"<html>") == filter_reason(b'{"prompt_feedback": 3}') == ""


def test_a_refused_prompt_is_not_asked_again_and_does_not_end_the_run(tmp_path: Path) -> None:
    def handler(request: dict[str, Any], _: int) -> Answer:
        filtered = Answer(body=json.dumps(WITHHELD["Azure"]).encode())
        return filtered if int(message_of(request)) < 20 else echo(request, 0)

    prompts = [prompt(n) for n in range(30)]
    replies, server = served(handler, tmp_path, prompts, concurrency=1)
    assert [reply.status for reply in replies] == ["refused"] * 20 + ["ok"] * 10 and len(server.requests) == 30
    assert asking(server.url, tmp_path, prompts) == replies, "the server has gone, and all are remembered"


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
NAMES = st.sampled_from(["content", "type", "text", "thinking", "reasoning", "refusal", "filtered"])


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=12))
def test_no_message_is_a_traceback(message: Any) -> None:
    for choice in ({"message": message}, {"message": {"content": message, "reasoning": message}}, message):
        with suppress(TransientError):
            assert read(choice).status in ("ok", "truncated", "refused", "failed")
