"""Parse the action that a reply states.

Models state their choice in many forms, and quote, list and negate options before it. `parse_choice` looks for
statements from the most explicit kind to the least ("the option is: C" before a lone "C." before "Option C" before "the
answer is C" before "a suitable adaptation is to add a suffix task") and takes the LAST one of the first kind that it
finds. An ambiguous reply gives None.
"""

import re
import unicodedata

from stages.core.records import Action
from stages.seqinstruct.parse_instruction import NEXT_EXAMPLE, answer_text

LETTERS: dict[str, Action] = {"A": "decompose", "B": "prefix", "C": "suffix", "D": "hold"}
"""The options as the prompts list them (paper, Figure 3)."""

# A letter that stands for an option: a capital of its own, not one of "U.S.A.", not the article ("A good one"), and not
# one of a list of letters ("A, B or C").
_LIST = r"(?!\s*(?:,|/|\||\bor\b|\band\b)\s*(?:or\s+)?(?:option\s+)?(?:[B-D]\b|A\b(?!\s+[a-z])))"
_ARTICLE = r"A(?=\s+(?:good|better|best|suitable|combination|mix|two|single|more|very|simple|clear)\b)"
_CAPITAL = rf"(?<![A-Za-z0-9.])(?!{_ARTICLE})[A-D](?![A-Za-z0-9]|\+\+|['’][A-Za-z]|\.[A-Za-z]){_LIST}"
_REASON = r"(?:because|since|as|for|due|which)\b"
_SMALL = (
    rf"(?<![A-Za-z0-9.])(?:[a-d](?=\s*(?:[).\]:,;\"'}}|>!?#]|$)|[ \t]*\n)|[b-d](?=\s+(?:{_REASON}|\())"
    r"|a(?=\s+(?:because|since|due)\b))(?!\.[A-Za-z])"
)
_LETTER = rf"(?P<letter>{_CAPITAL}|{_SMALL})"
_TASK = r"(?:\w+\s+)?(?:task|step|instruction|question)"
_NAMES: dict[Action, str] = {
    "decompose": r"decompos\w*|(?:break|split|divid)(?:ing|e)?\s+(?:\w+\s+){0,4}?(?:down|up|into)",
    "prefix": r"prefix\b|add(?:ing)?\s+an?\s+(?:preceding|preliminary|preparatory)\s+(?:task|step|instruction)"
    rf"|add(?:ing)?\s+an?\s+{_TASK}\s+(?:before|ahead\s+of)\b",
    "suffix": r"suffix\b|add(?:ing)?\s+an?\s+(?:succeeding|subsequent|follow-?\s?up)\s+(?:task|step|instruction)"
    rf"|add(?:ing)?\s+an?\s+{_TASK}\s+after\b",
    "hold": r"(?:keep|kept|leav|left|retain|maintain|preserv)(?:ing|ed|e)?\s+(?:\w+\s+){0,5}?"
    r"(?:original|as\s+(?:it\s+)?is|unchanged|the same)|\bhold\b|original\s+version"
    r"|no\s+(?:change|modification|adaptation)s?\s+(?:(?:is|are)\s+)?(?:needed|required|necessary)",
}
_NAME = "(?:" + "|".join(f"(?P<{action}>{words})" for action, words in _NAMES.items()) + ")"
# What may stand between "option" and its letter: "the option for the given instruction is thus:".
_NOUN = (
    r"(?:option|choice|final\s+answer|verdict|decision|selection|recommendation|action|modification|adaptation|pick"
    r"|classification)"
)
_IS = (
    r"(?:\s+(?:for|here|in|of|to|that|which|I|we)\b[^.:;\n]{0,60}?)?\s*"
    r"(?:(?:is|are|was|(?:would|should|will|must)\s+be|seems\s+to\s+be)(?![A-Za-z])|:|=|->|→|\.\.\.|\s[-–—]\s|#)"
)
_FILLER = (
    r"(?:(?:thus|therefore|hence|clearly|definitely|simply|indeed|then|to|option|choice|letter|the|following|is|be|probably"
    r"|likely|still|now|actually|just)(?![A-Za-z])|[\s\"'(\[{<|#:=>~–—-]|\.\.\.|,[^,.;:\n]{1,40},){0,24}"
)
_CHOOSE = (
    r"\b(?:(?:I|we|let)(?:'(?:d|ll|s|m|re)|\s+(?:would|will|should|am|are|us))?\s+(?:therefore\s+|thus\s+)?"
    r"(?:going\s+with|choos(?:e|ing)|select(?:ing)?|pick(?:ing)?|propose|recommend|suggest|say|go\s+(?:with|for)"
    r"|opt\s+for)|going\s+with)\b"
)
_FULL_NAME = r"(?:add(?:ing)?\s+)?(?:an?\s+)?" + _NAME
_STATED = [
    re.compile(rf"(?i:\b{_NOUN}[\"']?\s*{_IS}{_FILLER}){_LETTER}"),
    re.compile(rf"(?i:{_CHOOSE}{_FILLER}){_LETTER}"),
    re.compile(
        rf"(?:\[\[|\\boxed\{{+)\s*(?i:(?:(?:option|answer|choice|is|the)(?![A-Za-z])|[\s:({{]){{0,12}}){_LETTER}"
    ),
    re.compile(rf"(?i:\b(?:option|choice|decision|adaptation)[\"']?\s*(?:is|:)(?![A-Za-z]){_FILLER}{_FULL_NAME})"),
]
# "Answer" may be that of a question which the instruction asks.
_ANSWERED = [
    re.compile(rf"(?i:\b(?:answer|conclusion)[\"']?\s*{_IS}{_FILLER}){_LETTER}"),
    re.compile(rf"(?im:\b(?:therefore|thus|hence|so)\b\s*[,:]?\s*[(\[{{\"']*){_LETTER}(?m:(?=\W*$))"),
    re.compile(rf"(?i:\b(?:it|that|this)(?:'s|\s+is|\s+(?:would|must|should)\s+be)\s+){_LETTER}(?m:(?=\W*$|[.,;)]))"),
]
_AGAINST = (
    r"(?i:not|n['’]t|neither|nor|instead\s+of|rather\s+than|unlike|than|over|against|versus|reject\w*|rul\w+\s+out"
    r"|avoid\w*)"
)
_NEEDLESS = r"(?i:no\s+(?:\w+\s+)?need|(?:not|n't)\s+(?:be\s+)?(?:necessary|needed|required|need)|unnecessary|without)"
_DENIAL = re.compile(
    rf"(?:\b|n)(?:{_AGAINST}|{_NEEDLESS})\s+(?:(?i:the|to|for|an?|add|option|choice|\w+ing)\W+){{0,4}}\Z"
)
_MENTIONED = [
    re.compile(
        rf"(?i:(?<!without )\b(?:option|choice|opt)\s*[-:#(\"'\]]*\s*)(?P<letter>{_CAPITAL})"
        rf"(?!\W{{0,3}}(?i:is|was|would|could|might|may|does|seems)\s*(?:be\s+)?{_AGAINST})"
        rf"(?!\W{{0,3}}(?i:isn|wouldn|doesn|can)['’])"
    ),
    re.compile(
        rf"(?P<letter>{_CAPITAL})[)\]\"']*\s+(?i:is|would\s+be|seems|fits)\s+(?:\w+\s+)?(?i:the\s+)?(?i:most\s+|best\s+)?"
        r"(?i:suitable|appropriate|correct|best|right|option|choice|answer|fit)\b"
    ),
    re.compile(r"(?<=\w )\((?P<letter>[A-D])\)"),
    re.compile(rf"(?im:^[^\w\n]{{0,12}}(?:choose|select|pick)\b)(?i:{_FILLER})(?P<letter>{_CAPITAL})"),
]
_LINE = re.compile(
    rf"(?m)^[^\w\n]{{0,12}}(?P<letter>[A-D])(?:\W*$|(?:[.):\]]+|[ \t]*[-–—])\W*(?={_FULL_NAME}))", re.IGNORECASE
)
_BARE = re.compile(r"\A\W*(?P<letter>[A-D])\W*\Z", re.IGNORECASE)
_OPENING = re.compile(r"\A\W*(?P<letter>[A-D])[.):\]]+(?=\s|$)")
_MEANT = [
    re.compile(
        rf"(?i:\b(?:{_NOUN}|way|approach|thing|move)\b[^.:;\n]{{0,80}}?(?:\bis\b|\b(?:would|could)\s+be\b|:)"
        rf"[^.\n]{{0,60}}?{_NAME})"
    ),
    re.compile(
        r"(?i:\b(?:improved?|enhanced?|adapted?|modified|modify|extended?|strengthened?|better|refined?)\b[^.\n]{0,60}?"
        rf"\b(?:by|through|with)\b[^.\n]{{0,30}}?{_NAME})"
    ),
    re.compile(
        r"(?i:\b(?:can|could|should|may|might|would|will|let's|let\s+us|to|but|be)\s+(?:\w+\s+){0,3}?"
        rf"(?:be\s+)?(?:further\s+)?{_FULL_NAME})"
    ),
    re.compile(rf"(?i:\b(?:recommend|suggest|propose|prefer|choose)\b[^.\n]{{0,40}}?{_FULL_NAME})"),
    re.compile(rf"(?i:\A\W*(?:adding\s+|add\s+)?(?:an?\s+)?{_NAME})"),
]  # fmt: skip


def parse_choice(reply: str) -> Action | None:
    """The action that a reply to the choosing prompt states; None if it states none, or more than one equally."""
    text = _plain(_ends(unicodedata.normalize("NFKC", answer_text(reply))))
    ended = text.rstrip().rpartition("\n")[2]
    return (
        _last(_STATED, text) or _concluded(ended) or _lone(text, ended) or _last(_MENTIONED, text)
        or _last(_ANSWERED, text) or _opening(text) or _last(_MEANT, text)
    )  # fmt: skip


# The words for option, answer and choosing in other languages, and the verbs that go with them.
_IS_ELSEWHERE = r"(?:是|为|為|は|은|는|ist|lautet|wäre|es|est|é|è|sera|sería|это)(?![a-zà-ÿа-яё])"
_ELSEWHERE = [
    (re.compile(rf"(?i)(?<![a-zà-ÿа-яё])(?:{nouns})\s*(?:{_IS_ELSEWHERE}|(?=:))\s*"), english)
    for nouns, english in [
        ("选项|選項|オプション|選択肢|옵션|선택지|вариант|opci[oó]n|opç[aã]o|opzione|option", " option is "),
        ("选择|選択|선택|выбор|wahl|entscheidung|elecci[oó]n|choix|escolha|scelta", " choice is "),
        ("答案|答え|정답|ответ|antwort|respuesta|réponse|resposta|risposta", " answer is "),
    ]
] + [
    (
        re.compile(r"(?:选择|選擇|选|elijo|escojo|ich wähle|je choisis|выбираю)\s*(?=[\"'(]?[A-D](?![A-Za-z]))"),
        " I choose ",
    )
]
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_MARKUP = re.compile(
    r"[*`„«»]|</?(?:b|i|u|em|strong|p|span|mark)>|\\(?:text(?:bf|it|sf|tt|rm)?|math(?:bf|rm|sf|it|tt)|boldsymbol)\s*(?=\{)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(final[_ ]answer|answer|option|choice|decision)>", re.IGNORECASE)
# Cyrillic and Greek letters that look like ours, where they stand alone.
_ALIKE = re.compile(r"(?<![\u0370-\u04ff])[АВСΑΒ](?![\u0370-\u04ff])")
_LATIN = str.maketrans("АВСΑΒ", "ABCAB")

_PLAIN = str.maketrans("’‘“”_", "''\"\" ")


READ = 20_000
"""Characters read from either end of a reply: one that is longer has run away, and what it states stands there."""


def _ends(text: str) -> str:
    return text if len(text) <= 2 * READ else f"{text[:READ]}\n{text[-READ:]}"


def _plain(reply: str) -> str:
    """The reply without emphasis, tags, styles of quotation and foreign words for option, up to
    where it begins another example after its statement."""
    text = _INVISIBLE.sub("", reply)
    text = _ALIKE.sub(lambda letter: letter[0].translate(_LATIN), text)
    text = _TAG.sub(r"\1: ", _MARKUP.sub("", text.translate(_PLAIN)))
    for foreign, english in _ELSEWHERE:
        text = foreign.sub(english, text)
    first = min((match.end() for pattern in _STATED if (match := pattern.search(text))), default=len(text))
    following = NEXT_EXAMPLE.search(text, first)
    return text[: following.start()] if following else text


def _last(patterns: list[re.Pattern[str]], text: str) -> Action | None:
    statements = [match for pattern in patterns for match in pattern.finditer(text) if not _denied(text, match)]
    return _meaning(max(statements, key=lambda match: (_point(match), match.start()))) if statements else None


def _denied(text: str, match: re.Match[str]) -> bool:
    """Whether the words just before negate the option."""
    return _DENIAL.search(text, max(0, _point(match) - 48), _point(match)) is not None


def _point(match: re.Match[str]) -> int:
    """Where the option itself stands."""
    return max(match.start(name) for name, value in match.groupdict().items() if value)


def _meaning(match: re.Match[str]) -> Action:
    groups = match.groupdict()
    if letter := groups.get("letter"):
        return LETTERS[letter.upper()]
    return next(action for action in LETTERS.values() if groups.get(action))


def _concluded(ended: str) -> Action | None:
    """What the last line answers, unless it goes on to mention another option."""
    return _last([*_ANSWERED, *_MENTIONED], ended) if _last(_ANSWERED, ended) else None


def _lone(text: str, ended: str) -> Action | None:
    """The option of a line that holds little else ("D.", "A. Decompose it"); a list of options is none, unless the
    last line is one letter."""
    if bare := _BARE.match(ended):
        return LETTERS[bare["letter"].upper()]
    letters = {match["letter"].upper() for match in _LINE.finditer(text)}
    return LETTERS[letters.pop()] if len(letters) == 1 else None


def _opening(text: str) -> Action | None:
    """The letter that the reply begins with, where no line is a list of options."""
    opening = _OPENING.match(text)
    return LETTERS[opening["letter"]] if opening and _LINE.search(text) is None else None
