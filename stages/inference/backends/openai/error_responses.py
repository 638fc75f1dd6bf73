"""Error responses of a server, classified: an error of one row, of the whole run, or one that another attempt may cure.

Servers differ in status and form: {"error": {…}}, {"error": "…"}, [{"error": …}], {"detail": […]}, {"message": …}, any
of these inside a response with status 200 or inside a text of a gateway. So every `code`, `type`, `message`, `detail`
and `param` counts, however deeply nested; what a server repeats of the request (`input`, `messages`) does not.

Sources: https://platform.openai.com/docs/guides/error-codes, https://openrouter.ai/docs/api-reference/errors,
https://api-docs.deepseek.com/quick_start/error_codes, https://docs.claude.com/en/api/errors.
"""

import re
from collections.abc import Collection, Iterator
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Literal, NamedTuple

import msgspec

FailureKind = Literal["busy", "transient", "fatal", "refused", "row"]
"""busy: too many requests at once, to be sent later. transient: a fault that may pass, to be sent again. fatal: true of
every request. refused: the provider withholds a reply to this prompt. row: this request alone can't be answered."""

REPEATED = frozenset(
    {"input", "messages", "prompt", "content", "ctx", "request", "failed_generation", "choices", "usage"}
)
"""Fields of an error that repeat the request: text of a row, which may say anything."""
CODES = frozenset({"code", "type", "status", "reason", "error_code", "errorcode", "error"})
TEXTS = frozenset({"message", "msg", "detail", "title", "description", "error_description", "error", "raw", "reason"})
DEPTH = 6

MONEY = re.compile(
    r"insufficient.{0,12}(quota|balance|credit|fund)|credit balance|(out of|no|add|more|buy|purchase) credits?\b"
    r"|billing|payment|exceeded.{0,60}(quota|spend|budget|usage|monthly|credit|allowance|plan)|quota.{0,20}(exceeded|exhausted)"
    r"|(spend|spending|budget|usage|monthly|credit|account|plan).{0,6}limit|budget.{0,12}exceeded|arrear|overdue"
    r"|account.{0,40}(suspend|deactivat|disabled|inactive|blocked)|top[ -]?up|recharge|余额|欠费|額度|subscription"
    r"|not enough.{0,12}(credit|balance|fund)|(wallet|balance|credit).{0,12}(empty|is (zero|0)|used up)"
    r"|(trial|licen[sc]e).{0,12}(ended|expired)|daily limit"
)
WAIT = re.compile(r"retry|try again|per[ _-]?(minute|second|hour)|rpm|tpm|slow down|too many requests|rate.?limit")
"""Beside words about money: a limit that passes by itself."""
UNPAID = re.compile(r"insufficient.{0,12}(quota|balance|credit|fund)|credit balance")
"""Never passes by itself, whatever else the response says."""
KEY = re.compile(
    r"(api|access|secret).?key.{0,40}(not valid|invalid|incorrect|expired|revoked|missing|disabled)|authentication"
    r"|(invalid|incorrect|missing|expired|revoked|no).{1,3}((x-)?api.?key|credential|auth)|unauthori[sz]ed"
    r"|(not|n't) have (access|permission)|(access|permission).?denied|(invalid|expired) token\b|token (has )?expired"
    r"|(organi[sz]ation|project).{0,30}(disabled|suspended|deactivated)|location is not supported"
)
MODEL = re.compile(
    r"model.{0,160}(not.?found|(does|did) ?n[o']t exist|no longer|decommission|retired|not (loaded|available))"
    r"|(unknown|invalid|no such).?model|pinned to|no endpoints found|no allowed providers"
)
ENDPOINT = re.compile(r"(unexpected|unknown|invalid|no such) (endpoint|route|url|path)|method not allowed|no such mode")
LENGTH = re.compile(
    r"context.?(length|window|size|limit)|too long|too many (input |prompt )?tokens|reduce the (length|input|prompt)"
    r"|(prompt|input|request).{0,40}(exceed|larger than|longer than|too large)|exceeds? the (available )?context"
)
MODERATED = re.compile(
    r"moderat|flagged|content.?(filter|management|policy)|responsible.?ai|safety|harm(ful)?\b|guardrail|inappropriate"
    r"|data_?inspection|sensitive|usage policies|prohibited|blocked by|request (was )?blocked|been blocked"
)
OVERLOADED = re.compile(r"rate.?limit|too many requests|overload|capacity|try again later|throttl|temporarily")
UNSUPPORTED = re.compile(
    r"unsupported|n[o']t support|unrecogni[sz]ed|unknown|unexpected|not permitted|extra (inputs|fields)|not allowed"
    r"|cannot|invalid|only the default|must be|should be|not available|not implemented|not accept|forbidden|conflict"
)

OPTIONS = "in the engine's `options`"
REMEDIES = {
    "max_tokens": f"set `dialect: openai` {OPTIONS}, which sends max_completion_tokens",
    "max_completion_tokens": f"set `dialect: plain` {OPTIONS}, which sends max_tokens",
    "structured_outputs": f"set `dialect: auto` {OPTIONS}",
    "grammar": f"set `dialect: auto` {OPTIONS}",
    "top_logprobs": f"leave it out with `omit: [logprobs]` {OPTIONS}",
    "continue_final_message": f"set `dialect: auto` {OPTIONS}",
} | {
    name: f"leave it out with `omit: [{name}]` {OPTIONS}"
    for name in ("temperature", "top_p", "top_k", "seed", "logprobs")
}
"""Field -> what to write in params.yaml where a server refuses it."""
CONTENT = frozenset({"model", "messages", "prompt"})
"""Fields of a request that differ from row to row, or have patterns of their own above."""


class BusyError(Exception):
    """Too many requests at once; `retry_after` is the server's Retry-After in seconds, None where it names none."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        """`reason`: the message."""
        super().__init__(reason)
        self.retry_after = retry_after


class TransientError(Exception):
    """Another attempt may succeed: a dropped connection, a fault of the server, a response that can't be read."""


class FatalError(Exception):
    """True of every request: a wrong key, no such model, no money left."""


class ErrorBody(NamedTuple):
    """The parts of an error response that `classify` reads."""

    text: str
    """Its messages, to be shown."""
    words: str
    """Codes and messages in lower case."""
    status: int | None
    """The HTTP status that it names itself."""
    params: tuple[str, ...]
    """Fields of the request that it names as such."""


class Failure(NamedTuple):
    """The kind of an error, and the field of the request that the server refuses ("" for none)."""

    kind: FailureKind
    field: str = ""


def parse_error(data: bytes) -> ErrorBody:
    """The parts of an error response, whatever its form."""
    text = data[:20_000].decode("utf-8-sig", errors="replace")
    try:
        scalars = list(_scalars(msgspec.json.decode(text), "error", DEPTH))
    except (msgspec.DecodeError, RecursionError):
        plain = " ".join(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.S | re.I).split())
        return ErrorBody(plain, plain.lower(), None, ())
    texts = [value for name, value in scalars if name in TEXTS and " " in value]
    texts = texts or [value for name, value in scalars if name in TEXTS and value]
    words = [value for name, value in scalars if name in TEXTS | CODES]
    numbers = [int(value) for name, value in scalars if name in CODES and re.fullmatch(r"[45]\d\d", value)]
    params = [value.rpartition(".")[2] for name, value in scalars if name in ("param", "loc") and value]
    message = "; ".join(dict.fromkeys(texts)) or text
    return ErrorBody(message, " ".join(words).lower(), numbers[0] if numbers else None, tuple(params))


def _scalars(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """(field, value as text) of everything in an error but what it repeats of the request."""
    if depth == 0 or value is None:
        return
    if isinstance(value, dict):
        for key, one in value.items():
            if key.lower() not in REPEATED:
                yield from _scalars(one, key.lower(), depth - 1)
    elif isinstance(value, list) and name == "loc":
        yield name, ".".join(str(one) for one in value if isinstance(one, str))
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one, name, depth - 1)
    else:
        text = str(value)
        yield name, text
        if text[:1] in "{[":  # an error within the text of another, as gateways pass it on
            yield from _parsed(text, name, depth)


def _parsed(text: str, name: str, depth: int) -> Iterator[tuple[str, str]]:
    try:
        inner = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return
    yield from _scalars(inner, name, depth - 1)


def classify(status: int, error: ErrorBody, fields: Collection[str], retry_after: float | None = None) -> Failure:
    """The kind of an error response with an HTTP status; 200 is an error that came as success.

    fields: the names in the request's body. retry_after: the response's Retry-After in seconds.
    """
    if error.status and (status == 200 or error.status in (401, 402, 403, 404, 429, 503, 529)):
        status = error.status
    words = error.words
    passing = retry_after is not None or WAIT.search(words)
    if UNPAID.search(words) or (MONEY.search(words) and not (status in (429, 503) and passing)):
        return Failure("fatal") if status < 500 or status == 503 or UNPAID.search(words) else Failure("transient")
    if status in (401, 402, 407, 511):
        return Failure("fatal")
    if status in (429, 503, 529):
        return Failure("row" if re.search(r"request (is )?too large", words) else "busy")
    if status == 200:
        return _classify_by_words(words)
    if status >= 500 or status in (408, 409, 425) or 300 <= status < 400:
        return Failure("fatal" if KEY.search(words) else "transient")
    return _classify_rejection(status, error, fields)


def _classify_by_words(words: str) -> Failure:
    """The kind of an error that came as success, without a status of its own."""
    if KEY.search(words) or MODEL.search(words) or ENDPOINT.search(words):
        return Failure("fatal")
    return Failure("busy" if OVERLOADED.search(words) else "transient")


def _classify_rejection(status: int, error: ErrorBody, fields: Collection[str]) -> Failure:
    """The kind of an error of a request that the server does not take (4xx)."""
    words = error.words
    if status == 413 or LENGTH.search(words):
        return Failure("row")
    if MODERATED.search(words) and status != 404:
        return Failure("refused")
    if status in (403, 404, 405, 410, 415, 426) or KEY.search(words) or MODEL.search(words):
        return Failure("fatal")
    field = _refused_field(error, frozenset(fields) - CONTENT)
    return Failure("fatal", field) if field else Failure("row")


def _refused_field(error: ErrorBody, fields: frozenset[str]) -> str:
    """The field of the request that a server does not take; "" where the error names none."""
    if listed := [name for name in error.params if name in fields]:
        return listed[0]
    if not UNSUPPORTED.search(error.words):
        return ""
    quoted = re.findall(r"[`'\"\[(]([a-z_]+)[`'\"\])]", error.words)
    plain = [name for name in re.findall(r"[a-z]+(?:_[a-z]+)+", error.words)]
    return next((name for name in (*quoted, *plain) if name in fields), "")


def retry_after(value: str | None) -> float | None:
    """Retry-After in seconds: a number, or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return None


def repeated_reason(error: str) -> str:
    """The words of an error without numbers and quoted text, equal for requests that fail for one reason.

    "" for an error about the length of a row, which other rows need not share.
    """
    words = re.sub(r"\"[^\"]*\"|'[^']*'|`[^`]*`|[0-9]+", "", error.lower())
    return "" if LENGTH.search(words) else " ".join(words.split())[:120]
