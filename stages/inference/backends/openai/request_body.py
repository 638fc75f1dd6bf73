"""Bodies of requests to an OpenAI-compatible server, by API (chat, completions) and dialect.

Pictures are sent as data URLs (https://platform.openai.com/docs/guides/images), which `vllm serve` accepts for LLaVA as
well. Sources: https://platform.openai.com/docs/api-reference/chat and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (extra fields).
"""

from base64 import b64encode
from collections.abc import Callable, Collection
from typing import Any, Literal

import msgspec

from stages.core import image_files
from stages.core.completions import Constraint, Image, Message, Prompt
from stages.core.errors import UserError
from stages.inference.backends.openai.error_responses import FatalError
from stages.inference.backends.openai.gbnf import Grammar, choice_grammar, regex_grammar
from stages.inference.prompt_requirements import shows_images
from stages.reply_store.keys import seed_of

Dialect = Literal["vllm", "llamacpp", "openai", "plain"]
"""Which fields the server takes. openai: max_completion_tokens, seed, logprobs. plain: max_tokens and no field that is
not in every server. vllm, llamacpp: max_tokens, seed, top_k, constraints, a reply to be continued."""
Omitted = Literal["temperature", "top_p", "top_k", "seed", "logprobs"]
"""Fields that may be left out, so that the server's own default applies."""
WITHOUT_TOP_K: tuple[Dialect, ...] = ("openai", "plain")
"""Dialects whose requests have no top_k."""
CONSTRAINING: tuple[Dialect, ...] = ("vllm", "llamacpp")
"""Dialects whose requests limit the reply to choices or a regular expression."""
TOKEN_LIMITS = {"max_tokens", "max_completion_tokens"}
"""The two names of the limit of new tokens."""
TOP_LOGPROBS = 20
"""Log-probabilities requested with a choice; the most that vLLM returns unless configured otherwise."""
IMAGE_TYPES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
"""How a file begins -> the subtype of its media type."""

_encode = msgspec.json.Encoder().encode


def unsupported_parts(prompt: Prompt, dialect: Dialect, omit: Collection[Omitted] = ()) -> list[str]:
    """Messages about parts of a prompt that this dialect can't express; the prompt is sent without them.

    Raises FatalError for a sampling parameter: without it, the replies would be drawn from another distribution than
    params.yaml says. A constraint that is not enforced shows in the replies, which every stage checks in any case.
    """
    if prompt.sampling.top_k and dialect in WITHOUT_TOP_K and "top_k" not in omit:
        raise FatalError(
            f"dialect {dialect} has no top_k; set top_k: 0 in `sampling`, or `omit: [top_k]` or `dialect: auto` in the "
            "engine's options"
        )
    messages = []
    if prompt.constraint and not _constraint_fields(prompt.constraint, dialect):
        messages.append(_not_enforced(prompt.constraint, dialect))
    if prompt.continue_final and dialect in WITHOUT_TOP_K:
        messages.append(f"dialect {dialect} may begin anew where a prompt gives the beginning of the reply")
    return messages


def chat(prompt: Prompt, model: str, dialect: Dialect, extra: dict[str, Any], omit: Collection[Omitted] = ()) -> bytes:
    """The body of a POST to /chat/completions. Raises FatalError for a raw prompt: the server has a template."""
    if prompt.raw:
        raise FatalError("a chat endpoint always uses a template; set `api: completions`, or `template: chat`")
    messages = prompt.messages if not shows_images(prompt) else [_with_images(message) for message in prompt.messages]
    body = _common_fields(prompt, model, dialect) | {"messages": messages}
    if prompt.continue_final and dialect == "vllm":
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if prompt.constraint and prompt.constraint.choice and dialect in ("vllm", "openai"):
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return _encode(_without(body, omit, extra) | extra)


def completion(
    prompt: Prompt, model: str, dialect: Dialect, extra: dict[str, Any], omit: Collection[Omitted] = ()
) -> bytes:
    """The body of a POST to /completions, for base models: the messages' texts with blank lines between.

    Raises FatalError for a picture, which that API has no field for.
    """
    if shows_images(prompt):
        raise FatalError("/completions takes no pictures; set `api: chat`, or `images: captions` for the benchmark")
    text = "\n\n".join(message.content for message in prompt.messages)
    return _encode(_without(_common_fields(prompt, model, dialect), omit, extra) | {"prompt": text} | extra)


BODIES: dict[str, Callable[[Prompt, str, Dialect, dict[str, Any], Collection[Omitted]], bytes]] = {
    "chat": chat,
    "completions": completion,
}
PATHS = {"chat": "/chat/completions", "completions": "/completions"}


def data_url(image: Image) -> str:
    """A picture as a URL (RFC 2397). Raises UserError where the file is missing, has changed, or is no picture."""
    data = image_files.read(image)
    kind = next((kind for start, kind in IMAGE_TYPES.items() if data.startswith(start)), None)
    if kind is None:
        raise UserError(f"{image.path}: is no PNG, JPEG, GIF or WebP picture; convert it")
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def _with_images(message: Message) -> dict[str, Any]:
    """A message as the API takes it: its text, or its pictures and then the text."""
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
    return {"role": message.role, "content": [*images, {"type": "text", "text": message.content}]}


def _without(body: dict[str, Any], omit: Collection[Omitted], extra: dict[str, Any]) -> dict[str, Any]:
    """The body without omitted fields, and without a limit of tokens where `extra` has it under its other name."""
    removed = {
        *omit,
        *(("top_logprobs",) if "logprobs" in omit else ()),
        *(TOKEN_LIMITS if TOKEN_LIMITS & extra.keys() else ()),
    }
    return {name: value for name, value in body.items() if name not in removed} if removed else body


def _common_fields(prompt: Prompt, model: str, dialect: Dialect) -> dict[str, Any]:
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
    return body | (_constraint_fields(prompt.constraint, dialect) if prompt.constraint else {})


def _constraint_fields(constraint: Constraint, dialect: Dialect) -> dict[str, Any]:
    """The fields that enforce a constraint; empty where the dialect has none, and the stage parses what comes."""
    if dialect == "vllm":
        kind = {"choice": constraint.choice} if constraint.choice else {"regex": constraint.regex}
        return {"structured_outputs": kind}
    if dialect == "llamacpp" and (grammar := _grammar(constraint).text):
        return {"grammar": grammar}
    return {}


def _not_enforced(constraint: Constraint, dialect: Dialect) -> str:
    """A message that this dialect does not enforce a constraint, and where it could, why not this one."""
    kind = "choice" if constraint.choice else "regex"
    missing = _grammar(constraint).missing if dialect == "llamacpp" else ""
    reason = f", as its `grammar` can't express {missing}" if missing else ""
    return f"dialect {dialect} can't enforce the {kind} of a prompt{reason}; replies are taken as they come"


def _grammar(constraint: Constraint) -> Grammar:
    """A constraint as llama.cpp's server takes it."""
    return choice_grammar(constraint.choice) if constraint.choice else regex_grammar(constraint.regex)
