"""The reply that an HTTP response of an OpenAI-compatible server holds, or the error that it means; no network here."""

from collections.abc import Callable
from typing import Any

import msgspec

from stages.core.completions import Constraint, Prompt, Reply, ReplyStatus
from stages.core.redaction import Redactor, without_secrets
from stages.inference.backends.openai import error_responses, response_body
from stages.inference.backends.openai.error_responses import BusyError, FatalError, TransientError
from stages.inference.backends.openai.model_names import LONGEST_NAME
from stages.inference.backends.openai.response_body import Choice
from stages.inference.backends.openai.server_scores import scored_reply

NO_KEY = Redactor("")
LONGEST_RETRY_AFTER = 600.0
"""The longest Retry-After that is honoured, in seconds; beyond it the run stops with an error."""
LARGEST_COUNT = 1 << 31
"""A token count of `usage` from which on it is ignored as nonsense."""
LONGEST_MODEL_FIELD = 1000
"""Characters of the field `model` beyond which it is not taken for a model's name."""


class _TopToken(msgspec.Struct):
    token: str
    logprob: float


class _Position(msgspec.Struct):
    top_logprobs: list[_TopToken] = []


class _Logprobs(msgspec.Struct):
    content: list[_Position] | None = None


def _ignore(message: str) -> None:
    """Drop a message about the server."""


def read_reply(
    status: int, headers: Any, data: bytes, prompt: Prompt, sent: bytes = b"{}", scored: bool = False,
    redactor: Redactor = NO_KEY, notify: Callable[[str], None] = _ignore,
) -> Reply:  # fmt: skip
    """The reply in a response to the request body `sent`. Raises BusyError, TransientError or FatalError.

    An error of this prompt alone is a reply with status failed or refused. scored: whether the choices were sent to be
    scored. redactor: its key is removed from every field of the reply. notify: called with messages about the server
    that concern more than this reply.
    """
    status = 200 if 200 <= status < 300 else status  # an error that came as success is recognised by its body
    data = redactor.data(data, status == 200)
    if status != 200:
        retry_after = error_responses.retry_after(headers.get("Retry-After"))
        return _read_error(status, f"HTTP {status}", data, sent, redactor, retry_after)
    reply = _read_completion(data, prompt, sent, scored, redactor, notify)
    text, reasoning = redactor.completion(reply.text), redactor.completion(reply.reasoning)
    if text == reply.text and reasoning == reply.reasoning:
        return reply
    return msgspec.structs.replace(reply, text=text, reasoning=reasoning)


def _read_error(
    status: int, label: str, data: bytes, sent: bytes, redactor: Redactor, retry_after: float | None = None
) -> Reply:
    error = error_responses.parse_error(data)
    failure = error_responses.classify(status, error, _field_names(sent), retry_after)
    reason = f"{label}: {printable(redactor.message(error.text))}"
    if failure.kind == "fatal":
        remedy = error_responses.REMEDIES.get(failure.field, "remove it from the engine's `options` (extra)")
        raise FatalError(f"{reason}; the server does not take `{failure.field}`: {remedy}" if failure.field else reason)
    if failure.kind == "busy":
        raise BusyError(reason, _checked_retry_after(reason, retry_after))
    if failure.kind == "transient":
        raise TransientError(reason)
    return Reply("", "refused" if failure.kind == "refused" else "failed", 0, 0, error=reason)


def _field_names(body: bytes) -> list[str]:
    fields = msgspec.json.decode(body)
    return list(fields) if isinstance(fields, dict) else []


def _read_completion(
    data: bytes, prompt: Prompt, sent: bytes, scored: bool, redactor: Redactor, notify: Callable[[str], None]
) -> Reply:
    try:
        completion = response_body.read_completion(data)
        choice = completion.choices[0]
        if not response_body.holds_text(choice):
            raise msgspec.ValidationError("a message of an unknown form")
    except (*response_body.UNREADABLE, IndexError) as error:
        if reason := response_body.filter_reason(data):
            return Reply("", "refused", 0, 0, error=printable(redactor.message(reason)))
        return _read_error(200, f"a reply that is no completion ({error})", data, sent, redactor)
    if choice.error:
        body = msgspec.json.encode({"error": choice.error})
        return _read_error(200, "the server broke the reply off", body, sent, redactor)
    tokens = _token_counts(completion.usage)
    reply = scored_reply(completion, prompt, tokens) if scored else _reply_of(choice, prompt, tokens)
    if message := unknown_ending(choice):
        notify(message)
    reply = response_body.without_given_beginning(reply, prompt, _field_names(sent))
    error_text, served = printable(redactor.message(reply.error)), _model_name(completion.model, redactor)
    return msgspec.structs.replace(reply, error=error_text, served=served)


def _model_name(value: Any, redactor: Redactor) -> str:
    """The model's name in a response; "" where the field is missing or holds something else."""
    if not isinstance(value, str) or len(value) > LONGEST_MODEL_FIELD:
        return ""
    return printable(without_secrets(redactor.completion(value)))[:LONGEST_NAME]


def _reply_of(choice: Choice, prompt: Prompt, tokens: tuple[int, int]) -> Reply:
    """The reply in a choice, with a status by the reason that generation ended."""
    ending, text = response_body.ending_of(choice.finish_reason), response_body.text_of(choice)
    reasoning = response_body.reasoning_of(choice)
    if refusal := response_body.refusal_of(choice):
        return Reply("", "refused", *tokens, error=refusal)
    if ending == "broken" or (ending == "unknown" and not text):
        raise TransientError(f"the server broke the reply off ({printable(str(choice.finish_reason))})")
    if not text and response_body.calls_tool(choice):
        return Reply("", "failed", *tokens, error="a tool call instead of a text, though no tools were offered")
    status: ReplyStatus = "truncated" if ending == "length" else "ok"
    return Reply(text, status, *tokens, scores=_choice_scores(choice, prompt.constraint), reasoning=reasoning)


def _token_counts(usage: Any) -> tuple[int, int]:
    """Tokens read and written, each 0 where the server gives no sensible number: a reply is not lost over its bill."""
    fields = usage if isinstance(usage, dict) else {}
    return _count(fields.get("prompt_tokens")), _count(fields.get("completion_tokens"))


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < LARGEST_COUNT else 0


def over_limit_message(reply: Reply, limit: int) -> str:
    """A message that a reply has more tokens than `limit` allows; "" where it has not.

    Where the server counts no tokens, words are counted: a word has at least one token.
    """
    written = reply.tokens_out or len(reply.text.split())
    if written <= limit + limit // 8 + 4:
        return ""
    return (
        f"does not keep to max_tokens ({written:,} tokens where {limit:,} were allowed); set the `dialect` of your "
        "server: plain, vllm and llamacpp send max_tokens, openai sends max_completion_tokens"
    )


def unknown_ending(choice: Choice) -> str:
    """A message that a finish reason is not in `response_body.REASONS`; "" where it is."""
    if response_body.ending_of(choice.finish_reason) != "unknown":
        return ""
    reason = printable(str(choice.finish_reason))[:60]
    return f"finish reason {reason!r} is not known; such replies count as ended by the model"


def _choice_scores(choice: Choice, constraint: Constraint | None) -> dict[str, float]:
    """Log-probability of each choice; empty unless each is among the most likely first tokens of the response."""
    if not constraint or not constraint.choice:
        return {}
    try:
        logprobs = msgspec.convert(choice.logprobs, _Logprobs | None)
    except msgspec.ValidationError:
        return {}
    if not logprobs or not logprobs.content:
        return {}
    by_token = {top.token.strip(): top.logprob for top in reversed(logprobs.content[0].top_logprobs)}
    scores = {name: by_token[name] for name in constraint.choice if name in by_token}
    return scores if len(scores) == len(constraint.choice) else {}


def printable(text: str, longest: int = 300) -> str:
    """`text` on one line, without control characters, at most `longest` characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:longest].strip()


def _checked_retry_after(reason: str, seconds: float | None) -> float | None:
    """`seconds`. Raises FatalError where that is longer than `LONGEST_RETRY_AFTER`."""
    if seconds is not None and seconds > LONGEST_RETRY_AFTER:
        limit = f"no more than {LONGEST_RETRY_AFTER:.0f} s are waited"
        raise FatalError(f"{reason} (Retry-After: {seconds:,.0f} s, and {limit})")
    return seconds
