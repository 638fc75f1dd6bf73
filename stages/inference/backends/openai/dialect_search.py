"""Which dialect a server has: the fields that it takes, the token limit that it keeps to, the constraints it enforces.

The first request counts to fifty under a limit of sixteen tokens, with every field that some dialect sends. A field
that the server refuses is left out and the request is sent again. The reply to the second request is limited to a word
that no model would say, in each of the two ways in which servers are asked for that: as the only choice, and by a
regular expression with all that grammars are made of. A server that is busy, fails or is
not there leads to no finding at all.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from stages.inference.backends.openai.dialect_probe import MAX_TOKENS, Answer, Probe, RefusalError
from stages.inference.backends.openai.gbnf import regex_grammar
from stages.inference.backends.openai.request_body import Dialect
from stages.reasoning import answer_of

STOP = "40"
"""Ends the count of a server that ignores the limit, at two to four times as many tokens."""
AFTER_REASONING = 1024
"""The limit of the second request to a model that reasons first."""
OPTIONAL = ("logprobs", "top_k", "seed", "stop", "top_p", "temperature")
"""Fields of the first request that it can do without, in the order in which they are left out where the server refuses
the request and names none."""
PERMANENT = (401, 402, 403, 404, 405)
"""Statuses that no field causes."""
CHOICE = "qzv"
REGEX = r"(zq|qx)([vw]k?){2,4}"
CONSTRAINTS: dict[str, tuple[Any, str]] = {
    "structured_outputs": ({"choice": [CHOICE]}, CHOICE),
    "grammar": (regex_grammar(REGEX).text, REGEX),
}
"""Field that enforces a constraint -> its value in the second request, and the regular expression that the reply
matches where the server enforces it."""
Limit = Literal["max_tokens", "max_completion_tokens"]
OTHER: dict[Limit, Limit] = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


class Findings(msgspec.Struct, frozen=True):
    """What was learnt about one model at one endpoint."""

    limits: tuple[Limit, ...]
    """Names of the token limit that the server keeps to, as far as tried; the first is the one that was used."""
    limit_kept: bool
    """False where the reply was longer than allowed."""
    refused: tuple[str, ...]
    """Fields that the server does not take."""
    constraint: str
    """A key of `CONSTRAINTS`; "" where none is enforced, or none was tried."""
    logprobs: bool
    usage: bool
    reasoning: bool
    served: str
    """The model's name in the response."""
    tokens: int
    seconds: float
    requests: int


class Constrained(NamedTuple):
    """What the second request showed."""

    field: str
    """The one that enforces a constraint; "" for none."""
    refused: tuple[str, ...]


class FieldSearch:
    """The first request, sent until the server takes what is left of it."""

    def __init__(self, probe: Probe, api: str, limit: Limit) -> None:
        """`limit`: the name of the token limit that is tried first."""
        self._probe, self.limit = probe, limit
        # Values that are no server's defaults: some refuse only others.
        self._fields: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "top_k": 20, "stop": [STOP]}
        if api == "chat":
            self._fields["logprobs"] = True
        self._left_out: dict[str, Any] = {}
        self._suspects: list[str] = []
        """Fields that were left out though the server did not name them, the latest last."""
        self._limits_tried = 1

    @property
    def refused(self) -> tuple[str, ...]:
        """Fields that the server does not take."""
        other = (OTHER[self.limit],) if self._limits_tried > 1 else ()
        return (*other, *self._left_out)

    def run(self) -> Answer:
        """The answer to what the server takes. Raises RefusalError where it takes nothing."""
        while True:
            try:
                answer = self.ask(self.limit)
            except RefusalError as error:
                self._leave_out(error)
            else:
                return self._restored() or answer

    def ask(self, limit: Limit, **more: Any) -> Answer:
        """The answer to the request with the fields that are left. Raises RefusalError, NoAnswerError."""
        return self._probe.ask({limit: MAX_TOKENS} | self._fields | more)

    def _leave_out(self, error: RefusalError) -> None:
        """Leave out one more field, or raise `error` where there is none or it is not about fields."""
        name = error.field.replace("top_logprobs", "logprobs")
        if name == self.limit and self._limits_tried == 1:
            self.limit, self._limits_tried = OTHER[name], 2
            return
        # Some take either of the two, and the temperature matters more.
        either = name == "temperature" and "top_p" in self._fields
        named = name in self._fields and not either
        rest = ["top_p"] if either else [one for one in OPTIONAL if one in self._fields]
        if error.status in PERMANENT or not (named or rest) or (name and not named and not either):
            raise error
        field = name if named else rest[0]
        self._left_out[field] = self._fields.pop(field)
        self._suspects = [*self._suspects, field] if not named else self._suspects

    def _restored(self) -> Answer | None:
        """Try each field again that was left out unnamed, but for the last of all, which was the cause.

        Returns the latest answer, None where there is nothing to try.
        """
        latest = None
        last = next(reversed(self._left_out), "")
        for name in (one for one in self._suspects if one != last):
            try:
                latest = self.ask(self.limit, **{name: self._left_out[name]})
            except RefusalError:
                continue
            self._fields[name] = self._left_out.pop(name)
        return latest


def find(probe: Probe, api: str, dialect: str) -> Findings:
    """What can be learnt for a declared dialect, or for "auto". Raises RefusalError, NoAnswerError."""
    search = FieldSearch(probe, api, "max_completion_tokens" if dialect == "openai" else "max_tokens")
    answer = search.run()
    limits = [search.limit]
    if not keeps(answer) and (other := _other_limit(search, api)):
        limits, answer = [OTHER[search.limit]], other
    constraint, without = Constrained("", ())
    if limits[0] == "max_tokens" and dialect in ("auto", "vllm", "llamacpp"):
        constraint, without = _constraint(probe, answer.reasoning)
    if dialect == "auto" and not constraint and answer.logprobs and limits == ["max_tokens"] and keeps(answer):
        limits += ["max_completion_tokens"] if _other_limit(search, api) else []
    return Findings(
        tuple(limits), keeps(answer), (*search.refused, *without), constraint, answer.logprobs, answer.usage,
        answer.reasoning, answer.served[:200], answer.tokens, answer.seconds, probe.requests,
    )  # fmt: skip


def keeps(answer: Answer) -> bool:
    """Whether a reply is no longer than allowed, with some tokens to spare for servers that count otherwise."""
    return answer.tokens <= MAX_TOKENS + MAX_TOKENS // 8 + 4


def _other_limit(search: FieldSearch, api: str) -> Answer | None:
    """The answer under the other name of the token limit, if the server keeps to that."""
    if api != "chat" or OTHER[search.limit] in search.refused:
        return None
    try:
        answer = search.ask(OTHER[search.limit])
    except RefusalError:
        return None
    return answer if keeps(answer) else None


def _constraint(probe: Probe, reasons: bool) -> Constrained:
    """Which field enforces a constraint, and which the server refuses."""
    fields = {name: value for name, (value, _) in CONSTRAINTS.items()}
    while fields:
        try:
            answer = probe.ask({"max_tokens": AFTER_REASONING if reasons else MAX_TOKENS} | fields)
        except RefusalError as error:
            named = [name for name in fields if re.search(rf"\b{name}\b", error.text)] or [next(iter(fields))]
            fields = {name: value for name, value in fields.items() if name not in named}
        else:
            text = answer_of(answer.text).strip()
            enforced = next((name for name in fields if re.fullmatch(CONSTRAINTS[name][1], text)), "")
            return Constrained(enforced, tuple(name for name in CONSTRAINTS if name not in fields))
    return Constrained("", tuple(CONSTRAINTS))


def dialect_of(findings: Findings) -> Dialect:
    """The dialect that says most of what the server takes."""
    if findings.constraint:
        return "vllm" if findings.constraint == "structured_outputs" else "llamacpp"
    return "openai" if "max_completion_tokens" in findings.limits else "plain"


def sent_fields(dialect: Dialect) -> Iterator[str]:
    """The fields about sampling that requests of a dialect have, without the limit of tokens."""
    yield from ("temperature", "top_p")
    if dialect != "plain":
        yield "seed"
    if dialect in ("vllm", "openai"):
        yield "logprobs"
    if dialect in ("vllm", "llamacpp"):
        yield "top_k"


def omitted_fields(findings: Findings, dialect: Dialect) -> list[str]:
    """The fields that `omit` must name for this server. top_k is among them for dialects that have none."""
    without = set() if dialect in ("vllm", "llamacpp") else {"top_k"}
    return sorted((set(findings.refused) & set(sent_fields(dialect))) | without)
