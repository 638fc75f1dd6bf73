"""Find the verdict that a judge states in a reply, as opposed to verdicts that it only considers."""

import re

from stages.core.completions import Reply
from stages.reasoning import answer_of

NEAR = 300
"""Characters before a verdict that are searched for words such as "not" or "draft"."""
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)*]*\s|\n|\]\]")
_CONTRAST = re.compile(
    r"\b(?:but|however|yet|so|thus|therefore|hence|overall|finally|still|instead|in the end|on (?:reflection|balance)"
    r"|in (?:conclusion|sum)|final(?:ly)?)\b",
    re.IGNORECASE,
)
"""Words after which a sentence turns to another statement."""
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
_RETRACTED = re.compile(
    r"[\s\"'”*.,)]{0,4}(?:at first\b|initially\b|would have\b|would be\b|could be\b|might be\b|was my first\b"
    r"|is too\b|\?|or[ \t]*\[\[)",
    re.IGNORECASE,
)


def complete_text(reply: Reply) -> str:
    """The text of a reply that ended by itself; "" for one that was truncated, refused, or holds reasoning only."""
    return reply.text if reply.status == "ok" else ""


def last_statement(verdict: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match of `verdict` that `text` states after its reasoning; None if there is none.

    Not stated are a draft ("Draft verdict: [[A]]"), a hypothetical verdict ("Had it …, I would have said [[No, 2]]"),
    a negated one, one of several alternatives, and an example.
    """
    answer = answer_of(text)
    stated = (match for match in verdict.finditer(answer) if not _is_considered(answer, match))
    return max(stated, key=lambda match: match.start(), default=None)


def _is_considered(text: str, match: re.Match[str]) -> bool:
    """Whether a verdict is only considered and not stated, by the words around it."""
    before = text[max(0, match.start() - NEAR) : match.start()]
    sentence = _SENTENCE_END.split(before)[-1]
    clause = _CONTRAST.split(sentence)[-1]
    return bool(
        _DRAFT.search(clause)
        or _HYPOTHETICAL.search(sentence)
        or _NEGATED.search(sentence)
        or _RETRACTED.match(text, match.end())
    )
