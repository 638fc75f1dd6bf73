"""A completion in the response of an OpenAI-compatible server: its text, its reasoning, and why generation ended.

Sources: https://platform.openai.com/docs/api-reference/chat/object, https://docs.vllm.ai/en/latest/features/
reasoning_outputs.html, https://docs.mistral.ai/capabilities/reasoning, https://ai.google.dev/api/generate-content
(FinishReason, BlockReason), https://docs.claude.com/en/api/handling-stop-reasons, https://openrouter.ai/docs,
https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Literal

import msgspec

from stages.core.completions import Prompt, Reply

Ending = Literal["stop", "length", "filter", "tool", "broken", "unknown"]
"""stop: the model ended it. length: a limit was reached. filter: the provider withheld it. tool: a tool was called.
broken: the server did not finish it. unknown: a reason that is not in `REASONS`."""
REASONS: dict[Ending, str] = {
    "stop": "stop end_turn eos eos_token eos_token_id stop_sequence stop_sequences stop_token stop_str stop_string"
    " complete completed finished finish end end_of_text done natural",
    "length": "length max_tokens model_length max_length max_new_tokens max_output_tokens max_completion_tokens limit"
    " max_length_reached max_context_length token_limit context_length context_length_exceeded context_window_exceeded"
    " model_context_window_exceeded error_limit incomplete pause_turn repetition",
    "filter": "content_filter content_filtered content_filter_error safety recitation blocklist prohibited_content spii"
    " image_safety image_prohibited_content image_recitation language refusal refused sensitive guardrail"
    " guardrail_intervened guardrails moderation flagged blocked error_toxic content_policy content_policy_violation",
    "tool": "tool_calls tool_call tool_use function_call function_calls malformed_function_call unexpected_tool_call"
    " too_many_tool_calls",
    "broken": "error abort aborted cancel cancelled canceled user_cancel insufficient_system_resource network_error"
    " timeout time_limit engine_error model_error internal_error server_error malformed_response unavailable",
}
"""Finish reasons of OpenAI, Azure, vLLM, SGLang, TGI, llama.cpp, Ollama, Mistral, Anthropic, Google, Cohere, Bedrock,
DeepSeek, Zhipu, Together and OpenRouter, in small letters."""
_ENDINGS: dict[str, Ending] = {reason: ending for ending, reasons in REASONS.items() for reason in reasons.split()}
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thoughts")
_THOUGHT_TYPES = ("thinking", "reasoning", "thought", "redacted_thinking", "reasoning.text", "reasoning.summary")


class Choice(msgspec.Struct):
    """One of the completions that a response holds."""

    message: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: Any = None
    error: Any = None
    logprobs: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    content_filter_results: Any = None
    index: Any = 0
    prompt_logprobs: Any = None


class Completion(msgspec.Struct):
    """A response."""

    choices: list[Choice]
    usage: Any = None
    prompt_logprobs: Any = None
    model: Any = None


class _Filtered(msgspec.Struct):
    prompt_feedback: Any = None
    promptFeedback: Any = None
    prompt_filter_results: Any = None
    prompt_annotations: Any = None
    choices: Any = None


decode = msgspec.json.Decoder(Completion).decode
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a response may raise."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_filters = msgspec.json.Decoder(_Filtered).decode


def read_completion(data: bytes) -> Completion:
    """A response. Raises what is in `UNREADABLE`.

    What JSON does not allow though servers write it loses no reply: a mark of the byte order, NaN, numbers of any size,
    and half an emoji, of which the limit of tokens cut off the rest and which becomes U+FFFD.
    """
    try:
        return decode(data)
    except msgspec.DecodeError as error:
        try:
            value = json.loads(data.decode("utf-8-sig"), parse_int=_integer)
        except ValueError:
            raise error from None
    # Only where the strict reading failed: this one is slower.
    return msgspec.convert(_without_surrogates(value), Completion)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def _without_surrogates(value: Any) -> Any:
    """`value` with U+FFFD for surrogates that are no character."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(one) for one in value]
    return (
        {_without_surrogates(name): _without_surrogates(one) for name, one in value.items()}
        if isinstance(value, dict)
        else value
    )


def holds_text(choice: Choice) -> bool:
    """Whether a choice has a text in a form that is known, none, or a reason to have none."""
    if choice.message is None:
        reason = choice.error or ending_of(choice.finish_reason) not in ("stop", "unknown")
        return choice.text is not None or bool(reason)
    return isinstance(choice.message.get("content"), str | list | None)


def ending_of(reason: Any) -> Ending:
    """How a completion ended; one without a reason counts as ended by the model."""
    if reason is None or reason == "":
        return "stop"
    name = re.sub(r"^finish_?reason[._]", "", str(reason).strip().lower().replace("-", "_").replace(" ", "_"))
    return _ENDINGS.get(name, "unknown")


def text_of(choice: Choice) -> str:
    """The text; of a message in parts, those that are text and no reasoning."""
    content = choice.message.get("content") if choice.message is not None else choice.text
    return _text(content, thought=False)


def reasoning_of(choice: Choice) -> str:
    """The reasoning that stands beside the text, in fields of the message or in parts of it."""
    message = choice.message or {}
    fields = [message.get(name) for name in _REASONING] + [choice.reasoning_content, choice.reasoning]
    texts = [_text(value, thought=True) for value in fields]
    texts.append(_text(message.get("content"), thought=True, marked_only=True))
    texts = texts if any(texts) else [_text(message.get("reasoning_details"), thought=True)]
    # Servers repeat the reasoning in two fields for two kinds of clients.
    return "\n\n".join(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _text(value: Any, thought: bool, marked_only: bool = False) -> str:
    """The text in a field. marked_only: of a list, only the parts that are marked as reasoning."""
    if isinstance(value, str):
        return "" if marked_only else value
    return "".join(_parts(value, thought, marked_only)) if isinstance(value, list) else ""


def _parts(parts: list[Any], thought: bool, marked_only: bool) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str) and not marked_only:
            yield part
        if not isinstance(part, dict):
            continue
        marked = part.get("type") in _THOUGHT_TYPES or part.get("thought") is True
        if marked and thought:
            values = (part.get(name) for name in ("thinking", "reasoning", "text", "summary"))
            yield next((text for value in values if (text := _text(value, thought=True))), "")
        elif not marked and not marked_only and part.get("type") in ("text", "output_text", None):
            yield _text(part.get("text"), thought)


def refusal_of(choice: Choice) -> str:
    """Why the provider withheld a completion; "" if it did not."""
    refusal = (choice.message or {}).get("refusal")
    if refusal:
        return refusal if isinstance(refusal, str) else "refusal"
    if ending_of(choice.finish_reason) == "filter":
        reason = str(choice.finish_reason)
        return "content filter" if reason == "content_filter" else f"content filter ({reason})"
    return "content filter" if not text_of(choice) and _is_filtered(choice.content_filter_results) else ""


def filter_reason(data: bytes) -> str:
    """The filter that stopped the prompt of a response without a completion; "" if none did."""
    try:
        response = _filters(data)
    except UNREADABLE:
        return ""
    for feedback in (response.prompt_feedback, response.promptFeedback):
        reason = feedback.get("block_reason") or feedback.get("blockReason") if isinstance(feedback, dict) else None
        if reason:
            return f"prompt filter ({reason})"
    results = (response.prompt_filter_results, response.prompt_annotations)
    return "prompt filter" if not response.choices and any(map(_is_filtered, results)) else ""


def _is_filtered(value: Any, depth: int = 4) -> bool:
    """Whether any of Azure's results, at any depth, is marked as filtered."""
    if isinstance(value, dict):
        return value.get("filtered") is True or (depth > 0 and any(_is_filtered(v, depth - 1) for v in value.values()))
    return isinstance(value, list) and depth > 0 and any(_is_filtered(one, depth - 1) for one in value)


def calls_tool(choice: Choice) -> bool:
    """Whether a tool was called."""
    message = choice.message or {}
    return bool(message.get("tool_calls") or message.get("function_call")) or ending_of(choice.finish_reason) == "tool"


def without_given_beginning(reply: Reply, prompt: Prompt, fields: Collection[str]) -> Reply:
    """The reply to a request with these fields, without the beginning of it that the prompt gave.

    llama.cpp repeats that beginning, and so may a model that begins anew. A server with a field for continuing a
    message, or one that gets a text to complete, sends the rest alone.
    """
    if not prompt.continue_final or "messages" not in fields or "continue_final_message" in fields:
        return reply
    begun, text = prompt.messages[-1].content.strip(), reply.text.lstrip()
    if not begun or not text.startswith(begun):
        return reply
    return msgspec.structs.replace(reply, text=text[len(begun) :])
