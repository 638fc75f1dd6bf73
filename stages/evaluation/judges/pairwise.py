"""Compare two responses in both orders, so that a judge with a position bias contradicts itself, which counts as a tie.

Zheng et al. (2023), https://arxiv.org/abs/2306.05685, section 3.4; preferences weighted as in AlpacaEval 2.0, by the
probability of the verdict, where the engine reports scores (Dubois et al., 2024, https://arxiv.org/abs/2404.04475).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from stages.core.completions import Reply
from stages.evaluation.judges.judge_requests import (
    JudgeConfig,
    JudgedRequest,
    Request,
    missing_reason,
    send_requests,
    verdict_shares,
)
from stages.evaluation.judges.verdict_statements import complete_text, last_statement
from stages.evaluation.verdict_types import Preference, ResponsePair

PLACES = ("A", "B")
_SHARES = {"a": 1.0, "b": 0.0, "c": 0.5, "tie": 0.5}
_VERDICT = re.compile(r"\[\[\s*[\"'*]{0,4}([A-Za-z]{1,12})[\"'*]{0,4}\s*\]\]")


def parse_preference(text: str) -> float | None:
    """The share of the response in place A by the last "[[A]]", "[[B]]" or "[[C]]" (a tie) that `text` states; None if
    it states none of these."""
    match = last_statement(_VERDICT, text)
    return _SHARES.get(match[1].lower()) if match else None


def compare_pairs(config: JudgeConfig, pairs: Iterable[ResponsePair]) -> Iterator[Preference]:
    """A preference for each pair, in order. The prompt file gets `instruction`, `a` and `b`, which are data.

    Scores are not calibrated: a position bias favours each of the two responses once.
    """
    choices = PLACES if config.reading == "scores" else ()
    judged = send_requests(config, _requests(pairs), lambda _, reply: _share_of_a(reply) is not None, choices)
    while both_orders := list(islice(judged, 2)):
        yield _preference(*both_orders)


def _requests(pairs: Iterable[ResponsePair]) -> Iterator[Request]:
    for pair in pairs:
        yield Request(f"{pair.id}/0", {"instruction": pair.instruction, "a": pair.baseline, "b": pair.treatment})
        yield Request(f"{pair.id}/1", {"instruction": pair.instruction, "a": pair.treatment, "b": pair.baseline})


def _share_of_a(reply: Reply) -> float | None:
    if shares := verdict_shares(reply, {}):
        return shares["A"]
    # An engine that reports no scores replies with the letter alone.
    text = complete_text(reply)
    return parse_preference(text) if "[[" in text else _SHARES.get(text.strip().lower())


def _preference(baseline_first: JudgedRequest, treatment_first: JudgedRequest) -> Preference:
    one, two = _share_of_a(baseline_first.last), _share_of_a(treatment_first.last)
    missing = baseline_first if one is None else treatment_first if two is None else None
    return Preference(
        () if one is None or two is None else (round(1 - one, 6), round(two, 6)),
        reason=missing_reason(missing.last) if missing else "",
        replies=(*baseline_first.keys, *treatment_first.keys),
        text_hashes=(*baseline_first.text_hashes, *treatment_first.text_hashes),
        judge=treatment_first.last.model,
        text=f"{baseline_first.last.text}\n{treatment_first.last.text}",
    )
