"""What goes to an OpenAI-compatible server and what comes back: request bodies, replies, errors; no network here.

Pictures go as data URLs (https://platform.openai.com/docs/guides/images), which `vllm serve` takes for LLaVA as well.

Source: https://platform.openai.com/docs/api-reference/chat and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (extra fields).
"""

from collections.abc import Callable, Collection
from typing import Any, Literal

import msgspec

from stages.core.completions import Constraint, Message, Prompt, Reply, ReplyStatus
from stages.core.redaction import Redactor, without_secrets
from stages.inference.backends.openai.error_responses import (
    REMEDIES,
    Broken,
    Busy,
    Hopeless,
    complaint_of,
    meaning_of,
    retry_after,
)
from stages.inference.backends.openai.model_names import LONGEST as LONGEST_NAME
from stages.inference.backends.openai.response_body import (
    UNREADABLE,
    Choice,
    calls_tool,
    continued,
    ending_of,
    holds_text,
    reasoning_of,
    refusal_of,
    text_of,
    withheld,
)
from stages.inference.backends.openai.response_body import read_completion as completion_of
from stages.inference.backends.openai.server_scores import scored_reply
from stages.inference.image_input import content, pictured
from stages.reply_store.keys import seed_of

NO_KEY = Redactor("")

Dialect = Literal["vllm", "llamacpp", "openai", "plain"]
"""Which fields the server takes. openai: max_completion_tokens, seed, logprobs. plain: max_tokens and no field that is
not in every server. vllm, llamacpp: max_tokens, seed, top_k, constraints, a reply to be continued."""
Omitted = Literal["temperature", "top_p", "seed", "logprobs"]
"""Fields that may be left out, so that the server's own default stands."""
LONGEST = 600.0
"""Seconds that a server may ask to wait; who is told to come back tomorrow hears so and runs again then."""
MOST = 1 << 31
"""Tokens of a reply from which its bill is nonsense."""
NO_NAME = 1000
"""Characters from which what stands in the place of a model's name is none."""
LIMITS = {"max_tokens", "max_completion_tokens"}
"""The two names of the limit of new tokens."""
CHOICES = 20
"""Log-probabilities asked for with a choice; the most that vLLM gives unless told otherwise."""


class _Top(msgspec.Struct):
    token: str
    logprob: float


class _Position(msgspec.Struct):
    top_logprobs: list[_Top] = []


class _Logprobs(msgspec.Struct):
    content: list[_Position] | None = None


_encode = msgspec.json.Encoder().encode


def unmet(prompt: Prompt, dialect: Dialect) -> list[str]:
    """What of a prompt this kind of server can't be asked for, for people.

    Raises Hopeless for a sampling parameter: without it, the replies would be drawn from another distribution than
    params.yaml says. A constraint that is not enforced shows in the replies, which the rooms check in any case.
    """
    if prompt.sampling.top_k and dialect in ("openai", "plain"):
        raise Hopeless(f"dialect {dialect} has no top_k; set top_k: 0 in the sampling, or the dialect of your server")
    found = []
    if prompt.constraint and not _constrained(prompt.constraint, dialect):
        kind = "choice" if prompt.constraint.choice else "regex"
        found.append(f"dialect {dialect} can't enforce the {kind} of a prompt; replies are taken as they come")
    if prompt.continue_final and dialect in ("openai", "plain"):
        found.append(f"dialect {dialect} may begin anew where a prompt gives the beginning of the reply")
    return found


def chat(prompt: Prompt, model: str, dialect: Dialect, extra: dict[str, Any], omit: Collection[Omitted] = ()) -> bytes:
    """The body of a POST to /chat/completions. Raises Hopeless for a raw prompt: the server has a template."""
    if prompt.raw:
        raise Hopeless("a chat endpoint always uses a template; set `api: completions`, or `template: chat`")
    messages = prompt.messages if not pictured(prompt) else [_shown(message) for message in prompt.messages]
    body = _common(prompt, model, dialect) | {"messages": messages}
    if prompt.continue_final and dialect == "vllm":
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if prompt.constraint and prompt.constraint.choice and dialect in ("vllm", "openai"):
        body |= {"logprobs": True, "top_logprobs": CHOICES}
    return _encode(_without(body, omit, extra) | extra)


def _without(body: dict[str, Any], omit: Collection[Omitted], extra: dict[str, Any]) -> dict[str, Any]:
    """The body without what is left out, and without a limit of tokens where `extra` has it under its other name."""
    gone = {*omit, *(("top_logprobs",) if "logprobs" in omit else ()), *(LIMITS if LIMITS & extra.keys() else ())}
    return {name: value for name, value in body.items() if name not in gone} if gone else body


def _shown(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": content(message)}


def completion(
    prompt: Prompt, model: str, dialect: Dialect, extra: dict[str, Any], omit: Collection[Omitted] = ()
) -> bytes:
    """The body of a POST to /completions, for base models: the messages' texts with blank lines between.

    Raises Hopeless for a picture, which that API has no place for.
    """
    if pictured(prompt):
        raise Hopeless("/completions takes no pictures; set `api: chat`, or `images: captions` for the benchmark")
    text = "\n\n".join(message.content for message in prompt.messages)
    return _encode(_without(_common(prompt, model, dialect), omit, extra) | {"prompt": text} | extra)


BODIES: dict[str, Callable[[Prompt, str, Dialect, dict[str, Any], Collection[Omitted]], bytes]] = {
    "chat": chat,
    "completions": completion,
}
PATHS = {"chat": "/chat/completions", "completions": "/completions"}


def _common(prompt: Prompt, model: str, dialect: Dialect) -> dict[str, Any]:
    sampling = prompt.sampling
    # OpenAI's newer models refuse max_tokens, other servers know no other name.
    limit = "max_completion_tokens" if dialect == "openai" else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "temperature": float(sampling.temperature),
        "top_p": float(sampling.top_p),
        limit: sampling.max_tokens,
    }
    if dialect != "plain":
        body["seed"] = seed_of(prompt)
    if sampling.stop:
        body["stop"] = sampling.stop
    if sampling.top_k and dialect in ("vllm", "llamacpp"):
        body["top_k"] = sampling.top_k
    return body | (_constrained(prompt.constraint, dialect) if prompt.constraint else {})


def _constrained(constraint: Constraint, dialect: Dialect) -> dict[str, Any]:
    if dialect == "vllm":
        kind = {"choice": constraint.choice} if constraint.choice else {"regex": constraint.regex}
        return {"structured_outputs": kind}
    if dialect == "llamacpp" and constraint.choice:
        return {"grammar": "root ::= " + " | ".join(map(_quoted, constraint.choice))}
    return {}  # not enforced; the rooms parse what comes


def _quoted(text: str) -> str:
    return _encode(text).decode()


def read(
    status: int, headers: Any, data: bytes, prompt: Prompt, sent: bytes = b"{}", scored: bool = False,
    redactor: Redactor = NO_KEY, tell: Callable[[str], None] = lambda remark: None,
) -> Reply:  # fmt: skip
    """What a response to the request body `sent` means. Raises Busy, Broken or Hopeless.

    What concerns this prompt alone is a reply: failed, or refused. scored: whether choices were sent to be scored.
    Nothing of the reply holds the key of `redactor`. tell: gets what people should know of the server, if anything.
    """
    status = 200 if 200 <= status < 300 else status  # what is no completion is told by its body
    data = redactor.data(data, status == 200)
    if status != 200:
        return _failure(status, f"HTTP {status}", data, sent, redactor, retry_after(headers.get("Retry-After")))
    reply = _reply(data, prompt, sent, scored, redactor, tell)
    text, reasoning = redactor.completion(reply.text), redactor.completion(reply.reasoning)
    if text == reply.text and reasoning == reply.reasoning:
        return reply
    return msgspec.structs.replace(reply, text=text, reasoning=reasoning)


def _failure(status: int, what: str, data: bytes, sent: bytes, redactor: Redactor, after: float | None = None) -> Reply:
    said = complaint_of(data)
    found = meaning_of(status, said, _names(sent), after)
    reason = f"{what}: {printable(redactor.message(said.text))}"
    if found.meaning == "fatal":
        remedy = REMEDIES.get(found.field, "remove it")
        raise Hopeless(f"{reason}; the server does not take `{found.field}`: {remedy}" if found.field else reason)
    if found.meaning == "busy":
        raise Busy(reason, _bearable(reason, after))
    if found.meaning == "broken":
        raise Broken(reason)
    return Reply("", "refused" if found.meaning == "refused" else "failed", 0, 0, error=reason)


def _names(sent: bytes) -> list[str]:
    found = msgspec.json.decode(sent)
    return list(found) if isinstance(found, dict) else []


def _reply(
    data: bytes, prompt: Prompt, sent: bytes, scored: bool, redactor: Redactor, tell: Callable[[str], None]
) -> Reply:
    try:
        found = completion_of(data)
        choice = found.choices[0]
        if not holds_text(choice):
            raise msgspec.ValidationError("a message of an unknown form")
    except (*UNREADABLE, IndexError) as error:
        if reason := withheld(data):
            return Reply("", "refused", 0, 0, error=printable(redactor.message(reason)))
        return _failure(200, f"a reply that is no completion ({error})", data, sent, redactor)
    if choice.error:
        return _failure(200, "the server broke the reply off", _encode({"error": choice.error}), sent, redactor)
    tokens = _tokens(found.usage)
    reply = scored_reply(found, prompt, tokens) if scored else _completed(choice, prompt, tokens)
    if remark := unknown_ending(choice):
        tell(remark)
    message, served = printable(redactor.message(reply.error)), _model_name(found.model, redactor)
    return msgspec.structs.replace(continued(reply, prompt, _names(sent)), error=message, served=served)


def _model_name(value: Any, redactor: Redactor) -> str:
    """The model's name in a response; "" where it has none, or something else in its place."""
    if not isinstance(value, str) or len(value) > NO_NAME:
        return ""
    return printable(without_secrets(redactor.completion(value)))[:LONGEST_NAME]


def _completed(choice: Choice, prompt: Prompt, tokens: tuple[int, int]) -> Reply:
    """The reply that a completion is, by the way it ended."""
    ending, text, reasoning = ending_of(choice.finish_reason), text_of(choice), reasoning_of(choice)
    if refusal := refusal_of(choice):
        return Reply("", "refused", *tokens, error=refusal)
    if ending == "broken" or (ending == "unknown" and not text):
        raise Broken(f"the server broke the reply off ({printable(str(choice.finish_reason))})")
    if not text and calls_tool(choice):
        return Reply("", "failed", *tokens, error="a tool call instead of a text, though no tools were offered")
    status: ReplyStatus = "truncated" if ending == "length" else "ok"
    return Reply(text, status, *tokens, scores=_scores(choice, prompt.constraint), reasoning=reasoning)


def _tokens(usage: Any) -> tuple[int, int]:
    """Read and written, each 0 where the server says no sensible number: a reply is not lost over its bill."""
    said = usage if isinstance(usage, dict) else {}
    read, written = (said.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return _count(read), _count(written)


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < MOST else 0


def beyond_limit(reply: Reply, limit: int) -> str:
    """For people: that a reply has more tokens than `limit` allows; "" where it has not.

    Where the server counts no tokens, words are counted: a word has at least one.
    """
    written = reply.tokens_out or len(reply.text.split())
    if written <= limit + limit // 8 + 4:
        return ""
    return (
        f"does not keep to max_tokens ({written:,} tokens where {limit:,} were allowed); set the `dialect` of your "
        "server: plain, vllm and llamacpp send max_tokens, openai sends max_completion_tokens"
    )


def unknown_ending(choice: Choice) -> str:
    """For people: that a server names a finish reason that nobody here knows; "" where it does not."""
    if ending_of(choice.finish_reason) != "unknown":
        return ""
    reason = printable(str(choice.finish_reason))[:60]
    return f"finish reason {reason!r} is not known; such replies count as ended by the model"


def _scores(choice: Choice, constraint: Constraint | None) -> dict[str, float]:
    """Log-probability of each choice, where each begins with a token of its own that the server told of."""
    if not constraint or not constraint.choice:
        return {}
    try:
        positions = msgspec.convert(choice.logprobs, _Logprobs | None)
    except msgspec.ValidationError:
        return {}
    if not positions or not positions.content:
        return {}
    tops = {top.token.strip(): top.logprob for top in reversed(positions.content[0].top_logprobs)}
    found = {name: tops[name] for name in constraint.choice if name in tops}
    return found if len(found) == len(constraint.choice) else {}


def printable(text: str, longest: int = 300) -> str:
    """`text` on one line, without control characters, at most `longest` characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:longest].strip()


def _bearable(reason: str, after: float | None) -> float | None:
    if after is not None and after > LONGEST:
        raise Hopeless(f"{reason} (Retry-After: {after:,.0f} s, and no more than {LONGEST:.0f} s are waited)")
    return after
