"""Which of two responses is better, asked in both orders: a judge that prefers a place contradicts itself, and ties.

Zheng et al. (2023), https://arxiv.org/abs/2306.05685, section 3.4; preferences as AlpacaEval 2.0 weighs them, by the
probability of the verdict, where the engine reports scores (Dubois et al., 2024, https://arxiv.org/abs/2404.04475).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from stages.core.completions import Reply
from stages.evaluation.judges.judge_requests import Asked, Opinion, Panel, Request, asked, leaning, reason
from stages.evaluation.judges.verdict_statements import last_stated, statement

Contest = tuple[str, str, str, str]
"""What is judged: (id, instruction, the baseline's response, the treatment's response)."""
PLACES = ("A", "B")
_SHARES = {"a": 1.0, "b": 0.0, "c": 0.5, "tie": 0.5}
_VERDICT = re.compile(r"\[\[\s*[\"'*]{0,4}([A-Za-z]{1,12})[\"'*]{0,4}\s*\]\]")


class Preference(Opinion, frozen=True):
    """A judge's opinion of one contest; replies and text of the first order come before those of the second."""

    orders: tuple[float, ...]
    """The treatment's share in [0, 1] when it stood second, and when it stood first; empty without both verdicts."""


def parse_preference(text: str) -> float | None:
    """The share of the response in place A by the last "[[A]]", "[[B]]" or "[[C]]" (a tie) that `text` states; None if
    it states no such."""
    stated = last_stated(_VERDICT, text)
    return _SHARES.get(stated[1].lower()) if stated else None


def prefer(panel: Panel, contests: Iterable[Contest]) -> Iterator[Preference]:
    """A preference for each contest, in order. The prompt file gets `instruction`, `a` and `b`, which are data.

    No liking is taken off the scores: what a judge gives to a place, it gives to each response once.
    """
    choices = PLACES if panel.reading == "scores" else ()
    found = asked(panel, _requests(contests), lambda _, reply: _first(reply) is not None, choices)
    while pair := list(islice(found, 2)):
        yield _preference(*pair)


def _requests(contests: Iterable[Contest]) -> Iterator[Request]:
    for name, instruction, baseline, treatment in contests:
        yield Request(f"{name}/0", {"instruction": instruction, "a": baseline, "b": treatment})
        yield Request(f"{name}/1", {"instruction": instruction, "a": treatment, "b": baseline})


def _first(reply: Reply) -> float | None:
    """The share of the response in place A."""
    if shares := leaning(reply, {}):
        return shares["A"]
    # An engine that can't report scores replies with the bare letter.
    text = statement(reply)
    return parse_preference(text) if "[[" in text else _SHARES.get(text.strip().lower())


def _preference(ahead: Asked, behind: Asked) -> Preference:
    one, two = _first(ahead.last), _first(behind.last)
    missing = ahead if one is None else behind if two is None else None
    return Preference(
        () if one is None or two is None else (round(1 - one, 6), round(two, 6)),
        reason=reason(missing.last) if missing else "",
        replies=(*ahead.keys, *behind.keys),
        text_hashes=(*ahead.text_hashes, *behind.text_hashes),
        judge=behind.last.model,
        text=f"{ahead.last.text}\n{behind.last.text}",
    )
