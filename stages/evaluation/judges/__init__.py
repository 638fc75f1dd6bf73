"""A judge's opinion of a response: whether everything was answered, and how well (paper B.5; Zheng et al., 2023)."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from stages.evaluation.judges.judge_requests import Asked, Opinion, Panel, Request, asked, grounds
from stages.evaluation.judges.verdict_statements import last_stated, statement

Exchange = tuple[str, str, str]
"""What is judged: (id, instruction, response)."""
_VERDICT = re.compile(r"\[\[\s*[\"'*]*([A-Za-z]+)[\"'*]*\s*,\s*[\"'*]*(\d+(?:\.\d+)?)[\"'*]*\s*\]\]")


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a judge decided."""

    answered: bool
    """Whether every request of the instruction was answered."""
    rating: int
    """Quality from 1 to 5."""


class Judgement(Opinion, frozen=True):
    """A judge's opinion of one exchange."""

    values: dict[str, float]
    """following (0 or 1) and quality (1 to 5); empty if there is no verdict."""


def parse_verdict(text: str) -> Verdict | None:
    """The last "[[Yes, 4]]" that `text` states; None if there is none, or if it says anything but yes or no and 1 to
    5."""
    stated = last_stated(_VERDICT, text)
    if not stated:
        return None
    answered, rating = stated[1].lower(), stated[2]
    if answered not in ("yes", "no") or rating not in ("1", "2", "3", "4", "5"):
        return None
    return Verdict(answered == "yes", int(rating))


def judge(panel: Panel, exchanges: Iterable[Exchange | None]) -> Iterator[Judgement | None]:
    """A judgement for each exchange, in order; None passes by unasked.

    A reply without a verdict, or one that broke off, is asked for again, up to the panel's `attempts` in all. The
    prompt file gets `instruction` and `response`, which are data: nothing in them can open a block of it.
    """
    found = asked(
        panel, map(request, exchanges), lambda _, reply: parse_verdict(statement(reply)) is not None, draw="judge"
    )
    return (_judgement(item) if item.replies else None for item in found)


def request(exchange: Exchange | None) -> Request:
    """An exchange as what is asked about it."""
    if exchange is None:
        return Request("", {})
    name, instruction, response = exchange
    return Request(name, {"instruction": instruction, "response": response})


def _judgement(item: Asked) -> Judgement:
    verdict = parse_verdict(statement(item.last))
    values = {"following": float(verdict.answered), "quality": float(verdict.rating)} if verdict else {}
    return Judgement(values, **grounds(item, verdict is not None))
