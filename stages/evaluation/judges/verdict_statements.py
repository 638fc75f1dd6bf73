"""What a judge states in a reply, as opposed to what it only considers on the way there."""

import re

from stages.core.completions import Reply
from stages.reasoning import answer_of

NEAR = 300
"""Characters before a verdict that say how it is meant."""
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)*]*\s|\n|\]\]")
_TURN = re.compile(
    r"\b(?:but|however|yet|so|thus|therefore|hence|overall|finally|still|instead|in the end|on (?:reflection|balance)"
    r"|in (?:conclusion|sum)|final(?:ly)?)\b",
    re.IGNORECASE,
)
"""Words after which a sentence says something else than before."""
_NOUN = r"(?:verdict|rating|judge?ment|scores?|grade|assessment|opinion)"
_DRAFT = re.compile(
    rf"\b(?:draft|first|initial|tentative|preliminary|provisional)[ \t]+(?:{_NOUN}|impression|thought|glance|look"
    r"|sight|guess|reaction|instinct|pass|draft)\b|\b(?:draft|tentatively|initially|provisionally)\b[ \t]*[:=–-]"
    r"|\bat first\b|\b(?:initially|tentatively|provisionally)\b",
    re.IGNORECASE,
)
_HYPOTHETICAL = re.compile(
    r"\b(?:would|could|might|should)(?:n['’]t)?(?:[ \t]+not)?[ \t]+have\b|\b(?:would|could)['’]ve\b"
    r"|(?:\bif\b|\bhad\b|\bwere\b|\bunless\b)[^.?!\n]{1,200}\bwould\b|\b(?:was|am) (?:first )?(?:tempted|inclined)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:\b(?:not|never|no longer|instead of|rather than|than|or|versus|vs\.?|for example|e\.g\.|such as|like"
    r"|(?:isn|wasn|doesn|don)['’]t(?: be| deserve| merit)?))[ \t,:(\"'“*]*\Z",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"[\s\"'”*.,)]{0,4}(?:at first\b|initially\b|would have\b|would be\b|could be\b|might be\b|was my first\b"
    r"|is too\b|\?|or[ \t]*\[\[)",
    re.IGNORECASE,
)


def statement(reply: Reply) -> str:
    """The answer of a judge that ended its reply; "" of one that broke off, was withheld, or reasoned only."""
    return reply.text if reply.status == "ok" else ""


def last_stated(verdict: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match of `verdict` in the answer that `text` holds that is stated; None if there is none.

    Not stated are verdicts in the model's reasoning, in a draft ("Draft verdict: [[A]]"), in what would have been ("Had
    it …, I would have said [[No, 2]]"), negated or offered as one of several, or named as an example.
    """
    answer = answer_of(text)
    stated = (found for found in verdict.finditer(answer) if not _considered(answer, found))
    return max(stated, key=lambda found: found.start(), default=None)


def _considered(text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - NEAR) : found.start()]
    sentence = _SENTENCE_END.split(before)[-1]
    clause = _TURN.split(sentence)[-1]
    return bool(
        _DRAFT.search(clause)
        or _HYPOTHETICAL.search(sentence)
        or _NEGATED.search(sentence)
        or _TAKEN_BACK.match(text, found.end())
    )
