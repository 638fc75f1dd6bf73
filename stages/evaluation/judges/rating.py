"""Rate a response by a stated verdict: are all requests answered, and how well (paper B.5; Zheng et al., 2023)."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from stages.core.completions import Reply
from stages.evaluation.judges.judge_requests import Judge, JudgeConfig, rate_exchanges
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


def _values(reply: Reply) -> dict[str, float]:
    stated = parse_rating(complete_text(reply))
    return {"following": float(stated.answered), "quality": float(stated.rating)} if stated else {}


def rate(config: JudgeConfig, exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A rating for each exchange, see `rate_exchanges`."""
    # The seed leaves the prompt file out, so that replies to earlier versions of this judge remain in use.
    return rate_exchanges(config, exchanges, _values, seed_purpose="judge")


def rate_nothing(config: JudgeConfig, exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    """A rating without values for each exchange, in order, without a request; None stays None."""
    return (None if exchange is None else Rating(values={}, reason="judge-none") for exchange in exchanges)


JUDGE = Judge(
    title="A stated verdict [[Yes, 4]]",
    rate=rate,
    metrics={"following": "every request is answered, 0 or 1", "quality": "a mark from 1 to 5"},
)
NO_JUDGE = Judge(title="No judge: its benchmarks stay without a score", rate=rate_nothing, metrics={})
