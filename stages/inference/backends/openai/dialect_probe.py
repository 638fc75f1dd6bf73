"""A small request to a server whose dialect is not known, and what its answer or refusal says."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from stages.inference.backends.openai import response_body
from stages.inference.backends.openai.error_responses import Failure, classify, parse_error
from stages.inference.backends.openai.reply_reader import printable
from stages.inference.backends.openai.request_body import TOKEN_LIMITS
from stages.reasoning import closes_reasoning, split_reasoning

MAX_TOKENS = 16
"""The limit of the request."""
TEXT = "Count from 1 to 50."
ATTEMPTS = 3
"""Times that a request is sent to a server that is busy or fails for a moment."""
LONGEST_WAIT = 20.0
"""Seconds that are waited before another attempt, at most."""
OUT_OF_TOKENS = re.compile(r"output limit was reached|higher max_tokens")
"""OpenAI's error where the reasoning alone took all tokens that were allowed."""


class HttpResponse(NamedTuple):
    """A response, or that there was none."""

    status: int
    """0 where none came."""
    retry_after: float | None
    """In seconds."""
    body: bytes
    seconds: float


Post = Callable[[bytes], HttpResponse]
"""Sends the body of a request to the server's chat or completions."""


class Answer(NamedTuple):
    """A completion in response to a probe."""

    text: str
    tokens: int
    """By the server's `usage`, else the words of the text."""
    usage: bool
    reasoning: bool
    logprobs: bool
    served: str
    seconds: float


class RefusalError(Exception):
    """The server takes no such request, and would take none if it was sent again."""

    def __init__(self, status: int, text: str, field: str = "") -> None:
        """`field`: the one that the server refuses; "" where it names none."""
        super().__init__(text)
        self.status, self.text, self.field = status, text, field


class NoAnswerError(Exception):
    """The server could not be asked: it is not there, busy, or failed. Nothing follows from that about its dialect."""


class Probe:
    """Requests to one model, counted."""

    def __init__(
        self, post: Post, api: str, model: str, extra: dict[str, Any], wait: Callable[[float], None],
        text: Callable[[str], str] = printable,
    ) -> None:  # fmt: skip
        """`extra`: as in the options. `wait`: sleeps so many seconds. `text`: makes a server's message printable."""
        self._post, self._wait, self._text = post, wait, text
        self._extra = {name: value for name, value in extra.items() if name not in TOKEN_LIMITS}
        content = {"messages": [{"role": "user", "content": TEXT}]} if api == "chat" else {"prompt": f"{TEXT} 1, 2, 3,"}
        self._content = {"model": model} | content
        self.requests = 0

    def ask(self, fields: dict[str, Any]) -> Answer:
        """The answer to a request with these fields. Raises RefusalError, or NoAnswerError after some attempts.

        `extra` replaces fields of the same name, as in every request.
        """
        body = self._content | fields | self._extra
        data = msgspec.json.encode(body)
        for attempt in range(ATTEMPTS):
            self.requests += 1
            response = self._post(data)
            if _holds_answer(response):
                return read_answer(response)
            message, failure = self._failure(response, list(body))
            if failure.kind not in ("busy", "transient"):
                raise RefusalError(response.status, message, failure.field)
            if attempt + 1 < ATTEMPTS:
                wait = 2.0**attempt if response.retry_after is None else response.retry_after
                self._wait(min(wait, LONGEST_WAIT))
        raise NoAnswerError(message)

    def _failure(self, response: HttpResponse, names: list[str]) -> tuple[str, Failure]:
        """The message of an error response to a request with these fields, and what kind of failure it is."""
        if response.status == 0:
            return self._text(response.body.decode()), Failure("transient")
        error = parse_error(response.body)
        status = 200 if 200 <= response.status < 300 else response.status
        message = f"HTTP {response.status}: {self._text(error.text) or 'no message'}"
        return message, classify(status, error, names, response.retry_after)


def _holds_answer(response: HttpResponse) -> bool:
    if response.status == 400:
        return OUT_OF_TOKENS.search(parse_error(response.body).words) is not None
    if not 200 <= response.status < 300:
        return False
    try:
        choice = response_body.read_completion(response.body).choices[0]
    except (*response_body.UNREADABLE, IndexError):
        return False
    return response_body.holds_text(choice) and not choice.error


def read_answer(response: HttpResponse) -> Answer:
    """The answer in a completion, or in the error that reasoning took all tokens."""
    if response.status == 400:
        return Answer("", MAX_TOKENS, False, True, False, "", response.seconds)
    completion = response_body.read_completion(response.body)
    choice, text = completion.choices[0], response_body.text_of(completion.choices[0])
    tokens, hidden = _counts(completion.usage)
    inside = closes_reasoning(text) or split_reasoning(text, ended=False).reasoning
    logprobs = choice.logprobs.get("content") if isinstance(choice.logprobs, dict) else None
    served = printable(completion.model) if isinstance(completion.model, str) else ""
    reasoning = bool(hidden or inside or response_body.reasoning_of(choice))
    return Answer(
        text, tokens or len(text.split()), tokens > 0, reasoning, bool(logprobs), served, response.seconds
    )  # fmt: skip


def _counts(usage: Any) -> tuple[int, int]:
    """Tokens of a completion, and those of its reasoning alone; 0 for what the server does not report."""
    fields = usage if isinstance(usage, dict) else {}
    details = fields.get("completion_tokens_details")
    counts = (fields.get("completion_tokens"), details.get("reasoning_tokens") if isinstance(details, dict) else 0)
    tokens, hidden = (count if isinstance(count, int) and count > 0 else 0 for count in counts)
    return tokens, hidden
