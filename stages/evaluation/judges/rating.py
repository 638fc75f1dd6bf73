"""Rate a response by a stated verdict: are all requests answered, and how well (paper B.5; Zheng et al., 2023)."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from stages.evaluation.judges.judge_requests import (
    Judge,
    JudgeConfig,
    JudgedRequest,
    exchange_request,
    send_requests,
    verdict_fields,
)
from stages.evaluation.judges.verdict_statements import complete_text, last_statement
from stages.evaluation.verdict_types import Exchange, Rating

_VERDICT = re.compile(r"\[\[\s*[\"'*]*([A-Za-z]+)[\"'*]*\s*,\s*[\"'*]*(\d+(?:\.\d+)?)[\"'*]*\s*\]\]")


class StatedRating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rating as a judge states it."""

    answered: bool
    """Whether every request of the instruction was answered."""
    rating: int
    """Quality from 1 to 5."""


def parse_rating(text: str) -> StatedRating | None:
    """The last "[[Yes, 4]]" that `text` states; None if there is none, or if it is not yes or no and 1 to 5."""
    match = last_statement(_VERDICT, text)
    if not match:
        return None
    answered, rating = match[1].lower(), match[2]
    if answered not in ("yes", "no") or rating not in ("1", "2", "3", "4", "5"):
        return None
    return StatedRating(answered == "yes", int(rating))


def rate(config: JudgeConfig, exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A rating for each exchange, in order; None stays None without a request.

    A request whose reply has no verdict or is incomplete is sent again, up to `config.attempts` times in all. The
    prompt file gets `instruction` and `response`; both are data and can't open a block of it.
    """
    requests = map(exchange_request, exchanges)
    # The seed leaves the prompt file out, so that replies to earlier versions of this judge remain in use.
    judged = send_requests(
        config, requests, lambda _, reply: parse_rating(complete_text(reply)) is not None, seed_purpose="judge"
    )
    return (_rating(request) if request.replies else None for request in judged)


def _rating(request: JudgedRequest) -> Rating:
    stated = parse_rating(complete_text(request.last))
    values = {"following": float(stated.answered), "quality": float(stated.rating)} if stated else {}
    return Rating(values, **verdict_fields(request, stated is not None))


JUDGE = Judge(
    title="A stated verdict [[Yes, 4]]",
    rate=rate,
    metrics={"following": "every request is answered, 0 or 1", "quality": "a mark from 1 to 5"},
)
