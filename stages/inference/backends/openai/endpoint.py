"""Where requests of the `openai` engine go and how: its options in params.yaml, checked before anything is sent."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from stages.core.completions import Capabilities
from stages.core.errors import UserError
from stages.core.records import canonical
from stages.core.redaction import secret_in_url, secrets_in, without_secrets
from stages.inference.backends.openai import protocol
from stages.inference.backends.openai.server_scores import ScoresBy
from stages.inference.options import EXPLAINED
from stages.reply_store.identity import Identity, Reference, reference_of

SAMPLED = ("temperature", "top_p", "top_k", "stop")
"""Sampling parameters by the names that requests and rows share."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's options in params.yaml. All but the address must be there; what they mean is told there too."""

    api: Literal["chat", "completions"]
    dialect: protocol.Dialect
    key_env: Annotated[str, msgspec.Meta(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None
    """Name, in capitals, of the environment variable that holds the API key; never the key itself."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    timeout: Annotated[float, msgspec.Meta(gt=0)]
    """Seconds for one attempt."""
    attempts: Annotated[int, msgspec.Meta(ge=1)]
    """Times a request is sent before it counts as failed; being turned away as too busy (429, 503) counts a tenth."""
    grouping: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    """Most requests with one prefix that are sent one after another while others wait."""
    extra: dict[str, Any]
    """Further fields of the request's body, part of what replies are remembered under; no secrets."""
    omit: Annotated[list[protocol.Omitted], msgspec.Meta(max_length=4)] = []
    """Fields of the request that are left out, as the server refuses them; its own defaults stand."""
    url: str = ""
    """Address up to and with /v1; left out, that of the model's reference."""
    model: str = ""
    """The model's name on the server; left out, that of the reference."""
    scores: ScoresBy = "none"
    """How log-probabilities of given choices are had, for `api: completions`."""


class Target(msgspec.Struct, frozen=True):
    """Where requests go."""

    url: str
    model: str


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity, and as endpoint the address with all that changes what the server is asked."""
    found, target = checked(reference, options)
    model = reference.identity if reference else f"endpoint:{target.url}#{target.model}"
    # Nothing of it where there is none: replies are found under the keys that they had before there was such an option.
    extra = f" {canonical(found.extra).decode()}" if found.extra else ""
    omit = f" without {','.join(sorted(set(found.omit)))}" if found.omit else ""
    scores = "" if found.scores == "none" else f" scores:{found.scores}"
    where = f"openai:{found.dialect}:{target.url}{protocol.PATHS[found.api]}#{target.model}"
    return Identity(model, f"{where}{extra}{omit}{scores}")


def sent_sampling(options: dict[str, Any]) -> dict[str, Any]:
    """The sampling parameters that the server is sent otherwise than prompts say, as `Reply.sent`."""
    omitted = {name: None for name in options.get("omit") or () if name in SAMPLED}
    extra = options.get("extra") or {}
    limit = next(({"max_tokens": extra[name]} for name in sorted(protocol.LIMITS) if name in extra), {})
    return omitted | {name: extra[name] for name in SAMPLED if name in extra} | limit


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """What the server of these options can do, as far as its dialect and API say."""
    found, _ = checked(reference_of(directory), options)
    return Capabilities(
        choice_scores=found.scores != "none",
        choices="ignored" if found.dialect not in ("vllm", "llamacpp") else "enforced",
        regex="enforced" if found.dialect == "vllm" else "ignored",
        images=found.api == "chat",
        grouping=found.grouping,
        paid=True,
    )


def checked(reference: Reference | None, options: dict[str, Any]) -> tuple[Options, Target]:
    """The options as types, and where they lead. Raises UserError for what does not fit, or holds a secret."""
    try:
        found = msgspec.convert(options, Options)
    except msgspec.ValidationError as error:
        raise UserError(f"params.yaml: engine openai: {error}; {EXPLAINED}") from None
    named = reference.reference if reference else ""
    url, _, model = named.removeprefix("endpoint:").rpartition("#") if named.startswith("endpoint:") else ("", "", "")
    target = Target((found.url or url).rstrip("/"), found.model or model)
    if not target.url or not target.model:
        raise UserError(
            "params.yaml: engine openai needs `url` and `model`, or a reference endpoint:http://host/v1#name"
        )
    if found.scores != "none" and found.api != "completions":
        raise UserError(f"params.yaml: engine openai: scores: {found.scores} needs `api: completions`")
    _refuse_secrets(target.url, found.extra)
    return found, target


def _refuse_secrets(url: str, extra: dict[str, Any]) -> None:
    shown = without_secrets(url).partition("?")[0]
    if what := secret_in_url(url):
        raise UserError(f"params.yaml: engine openai: {what} of `url` may be a secret; name its variable in `key_env`")
    if not reachable(url):
        raise UserError(f"params.yaml: engine openai: {shown!r} is no http(s) address")
    for path, why in secrets_in(extra, "extra"):
        raise UserError(
            f"params.yaml: engine openai: {path} looks like a secret {why}, and `extra` is stored; take it out, or "
            "name its variable in `key_env`"
        )
    if "?" in url or "#" in url:
        raise UserError(f"params.yaml: engine openai: {shown!r} must end there, without ? or #")


def reachable(url: str) -> bool:
    """Whether a request can be sent there at all."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:  # a bad port or IPv6 address; of an impossible name, UnicodeError is one as well
        return False
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and url.isprintable() and " " not in url
