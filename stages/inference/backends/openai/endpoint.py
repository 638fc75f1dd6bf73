"""The options of the engine `openai` in params.yaml, and the endpoint, API key and proxy that follow from them."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from stages.core.completions import Capabilities
from stages.core.errors import UserError
from stages.core.records import canonical
from stages.core.redaction import secret_in_url, secrets_in, without_secrets
from stages.inference.backends.openai.batch_options import BatchOptions
from stages.inference.backends.openai.request_body import (
    CONSTRAINING,
    PATHS,
    TOKEN_LIMITS,
    WITHOUT_TOP_K,
    Dialect,
    Omitted,
)
from stages.inference.backends.openai.server_scores import ScoresBy
from stages.inference.engine_interface import read_options
from stages.reply_store.identity import Identity, Reference, reference_of

SAMPLING_FIELDS = ("temperature", "top_p", "top_k", "stop")
"""Sampling parameters that have the same name in requests and in rows."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's options in params.yaml, which explains each. The defaults are for a server without a key."""

    api: Literal["chat", "completions"] = "chat"
    dialect: Dialect | Literal["auto"] = "auto"
    """auto: as `dialects.settle` learns it from the server."""
    key_env: Annotated[str, msgspec.Meta(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """Name, in capitals, of the environment variable that holds the API key; never the key itself."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 32
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 600
    """Seconds for one attempt."""
    attempts: Annotated[int, msgspec.Meta(ge=1)] = 6
    """Times a request is sent before it counts as failed; a rejection for load (429, 503) counts a tenth."""
    grouping: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 16
    """Most requests with one prefix that are sent one after another while others wait."""
    extra: dict[str, Any] = {}
    """Further fields of the request's body, part of the key of a reply; no secrets."""
    omit: Annotated[list[Omitted], msgspec.Meta(max_length=5)] = []
    """Fields of the request that are left out, as the server refuses them; its own defaults apply."""
    url: str = ""
    """Address up to and with /v1; if left out, that of the model's reference."""
    model: str = ""
    """The model's name on the server; if left out, that of the reference."""
    scores: ScoresBy = "none"
    """How log-probabilities of given choices are requested, for `api: completions`."""
    batch: BatchOptions | None = None
    """Send requests in files, at a lower price and within hours, where the server has a batch API."""


class Endpoint(msgspec.Struct, frozen=True):
    """A server's address and the model's name there."""

    url: str
    model: str


def identify(reference: Reference | None, options: dict[str, Any]) -> Identity:
    """The model's identity, and as endpoint the address with every option that changes the request."""
    parsed, endpoint = read_endpoint(reference, options)
    model = reference.identity if reference else f"endpoint:{endpoint.url}#{endpoint.model}"
    # An option that is not set adds nothing, so that replies keep the keys they had before the option existed.
    extra = f" {canonical(parsed.extra).decode()}" if parsed.extra else ""
    dialect = settled(parsed)
    # Some dialects never send top_k: there, leaving it out changes no request.
    names = sorted({*parsed.omit} - ({"top_k"} if dialect in WITHOUT_TOP_K else set()))
    omit = f" without {','.join(names)}" if names else ""
    scores = "" if parsed.scores == "none" else f" scores:{parsed.scores}"
    address = f"openai:{dialect}:{endpoint.url}{PATHS[parsed.api]}#{endpoint.model}"
    return Identity(model, f"{address}{extra}{omit}{scores}")


def sent_sampling(options: dict[str, Any]) -> dict[str, Any]:
    """Sampling parameters whose value in requests differs from the prompt's, as `Reply.sent`."""
    omitted = {name: None for name in options.get("omit") or () if name in SAMPLING_FIELDS}
    extra = options.get("extra") or {}
    limit = next(({"max_tokens": extra[name]} for name in sorted(TOKEN_LIMITS) if name in extra), {})
    return omitted | {name: extra[name] for name in SAMPLING_FIELDS if name in extra} | limit


def capabilities(directory: Path, options: dict[str, Any]) -> Capabilities:
    """What a server can do, as far as its dialect and API say."""
    parsed, _ = read_endpoint(reference_of(directory), options)
    dialect = settled(parsed)
    return Capabilities(
        choice_scores=parsed.scores != "none",
        choices="enforced" if dialect in CONSTRAINING else "ignored",
        regex="enforced" if dialect in CONSTRAINING else "ignored",
        images=parsed.api == "chat",
        grouping=parsed.grouping,
        paid=True,
        session=parsed.batch.requests if parsed.batch else 0,
        longest_wait=3600.0 * (parsed.batch.hours + 1) if parsed.batch else 0.0,
    )


def settled(options: Options) -> Dialect:
    """The dialect of the options. Raises UserError for "auto", in whose place `dialects.settle` puts what it learns."""
    if options.dialect == "auto":
        raise UserError("params.yaml: engine openai: dialect: auto is not known yet; run `seqit check`")
    return options.dialect


def read_endpoint(reference: Reference | None, options: dict[str, Any]) -> tuple[Options, Endpoint]:
    """The options, and the endpoint of them or else of the reference. Raises UserError for bad values and secrets."""
    parsed = read_options(options, Options, "openai")
    named = reference.reference if reference else ""
    url, _, model = named.removeprefix("endpoint:").rpartition("#") if named.startswith("endpoint:") else ("", "", "")
    endpoint = Endpoint((parsed.url or url).rstrip("/"), parsed.model or model)
    if not endpoint.url or not endpoint.model:
        raise UserError(
            "params.yaml: engine openai needs `url` and `model`, or a reference endpoint:http://host/v1#name"
        )
    if parsed.scores != "none" and parsed.api != "completions":
        raise UserError(f"params.yaml: engine openai: scores: {parsed.scores} needs `api: completions`")
    _refuse_secrets(endpoint.url, parsed.extra)
    return parsed, endpoint


def _refuse_secrets(url: str, extra: dict[str, Any]) -> None:
    shown = without_secrets(url).partition("?")[0]
    if secret := secret_in_url(url):
        raise UserError(
            f"params.yaml: engine openai: {secret} of `url` may be a secret; name its variable in `key_env`"
        )
    if not is_http_url(url):
        raise UserError(f"params.yaml: engine openai: {shown!r} is no http(s) address")
    for path, reason in secrets_in(extra, "extra"):
        raise UserError(
            f"params.yaml: engine openai: {path} looks like a secret {reason}, and `extra` is stored; take it out, or "
            "name its variable in `key_env`"
        )
    if "?" in url or "#" in url:
        raise UserError(f"params.yaml: engine openai: {shown!r} must end there, without ? or #")


def is_http_url(url: str) -> bool:
    """Whether a URL has the scheme http or https, a valid host and port, and no space or control character."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:  # a bad port or IPv6 address; of an impossible name, UnicodeError is one as well
        return False
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and url.isprintable() and " " not in url


def with_version(url: str) -> str:
    """The address with /v1 at its end; "" where some part of its path is a version already."""
    parts = urlsplit(url).path.split("/")
    return "" if any(part[:1] == "v" and part[1:2].isdigit() for part in parts) else f"{url}/v1"


def api_key(variable: str | None) -> str:
    """The API key in an environment variable; "" for None. Raises UserError, without the key, for an unusable one."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UserError(f"{variable} is not set; set it to the API key (`key_env` names this environment variable)")
    if not key.isprintable():
        raise UserError(f"{variable} holds a line end or another control character; set it again to the API key alone")
    return key


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names. Raises UserError, without its password, where it is no HTTP proxy."""
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    if not proxy:
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
    if not is_http_url(address):
        name = f"{parts.scheme}_proxy"
        raise UserError(f"{name} is no address of an HTTP proxy; write http://host:port, or add the server to no_proxy")
    return address
