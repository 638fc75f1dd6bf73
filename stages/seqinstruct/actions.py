"""What a model said: which action it chose, and which instruction it wrote.

Models state their choice in many ways, and quote, list and negate options on the way there. `parse_choice` looks for
statements from the most explicit kind to the least ("the option is: C" before "Option C" before a lone "C." before "a
suitable adaptation is to add a suffix task") and takes the LAST one of the first kind that it finds. What no careful
reader could settle is None.
"""

import re
import unicodedata

from stages.records import Action

LETTERS: dict[str, Action] = {"A": "decompose", "B": "prefix", "C": "suffix", "D": "hold"}
"""The options as the prompts list them (paper, Figure 3)."""

# A letter that stands for an option: a capital of its own, not one of "U.S.A.", not the article ("A good one"), and not
# one of a list of letters ("A, B or C").
_LIST = r"(?!\s*(?:,|/|\||\bor\b|\band\b)\s*(?:or\s+)?(?:option\s+)?(?:[B-D]\b|A\b(?!\s+[a-z])))"
_ARTICLE = r"A(?=\s+(?:good|better|best|suitable|combination|mix|two|single|more)\b)"
_CAPITAL = rf"(?<![A-Za-z.])(?!{_ARTICLE})[A-D](?![A-Za-z'’]|\.[A-Za-z]){_LIST}"
_SMALL = r"(?<![A-Za-z.])[a-d](?=\s*(?:[).\]:,;]|$))(?!\.[A-Za-z])"
_LETTER = rf"(?P<letter>{_CAPITAL}|{_SMALL})"
_NAMES: dict[Action, str] = {
    "decompose": r"decompos\w*|(?:break|split|divid)(?:ing|e)?\s+(?:\w+\s+){0,4}?(?:down|up|into)",
    "prefix": r"prefix\b|add(?:ing)?\s+an?\s+(?:preceding|preliminary|preparatory)\s+(?:task|step|instruction)",
    "suffix": r"suffix\b|add(?:ing)?\s+an?\s+(?:succeeding|subsequent|follow-?\s?up)\s+(?:task|step|instruction)",
    "hold": r"(?:keep|leav|retain|maintain|preserv)(?:ing|e)?\s+(?:\w+\s+){0,5}?"
    r"(?:original|as\s+(?:it\s+)?is|unchanged|the same)|\bhold\b|original\s+version",
}
_NAME = "(?:" + "|".join(f"(?P<{action}>{words})" for action, words in _NAMES.items()) + ")"
# What may stand between "option" and its letter: "the option for the given instruction is thus:".
_NOUN = (
    r"(?:option|choice|final\s+answer|verdict|decision|selection|recommendation|action|modification|adaptation)"
)
_IS = (
    r"(?:\s+(?:for|here|in|of|to)\b[^.:;\n]{0,60}?)?\s*"
    r"(?:is|are|was|(?:would|should|will|must)\s+be|seems\s+to\s+be|:|=|->|→|=>|\s[-–—]\s)"
)
_FILLER = (
    r"(?:\s*(?:thus|therefore|hence|clearly|definitely|simply|indeed|then|to|option|choice|letter|the|following|is|:|-|–|—)"
    r"(?![A-Za-z])){0,6}\s{0,9}[(\[{\"']*\s*"
)
_CHOOSE = (
    r"\b(?:I|we)(?:['’]d|['’]ll|\s+would|\s+will|\s+should)?\s+(?:therefore\s+|thus\s+)?"
    r"(?:choose|select|pick|propose|recommend|suggest|go\s+(?:with|for)|opt\s+for)\b"
)
_FULL_NAME = r"(?:add(?:ing)?\s+)?(?:an?\s+)?" + _NAME
_STATED = [
    re.compile(rf"(?i:\b{_NOUN}[\"']?\s*{_IS}{_FILLER}){_LETTER}"),
    re.compile(rf"(?i:{_CHOOSE}{_FILLER}){_LETTER}"),
    re.compile(rf"(?:\[\[|\\boxed\{{+)\s*{_LETTER}\s*(?:\]\]|\}})"),
    re.compile(rf"(?i:\b(?:option|choice|decision)\s*(?:is|:){_FILLER}{_FULL_NAME})"),
]
# "Answer" may be that of a question which the instruction asks.
_ANSWERED = [
    re.compile(rf"(?i:\b(?:answer|conclusion)[\"']?\s*{_IS}{_FILLER}){_LETTER}"),
    re.compile(rf"(?im:\b(?:therefore|thus|hence|so)\b\s*[,:]?\s*[(\[{{\"']*){_LETTER}(?m:(?=\W*$))"),
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
        rf"(?i:(?<!without )\b(?:option|choice)\s*[-:#(\"']*\s*)(?P<letter>{_CAPITAL})"
        rf"(?!\W{{0,3}}(?i:is|was|would|could|might|may|does|seems)\s*(?:be\s+)?{_AGAINST})"
        rf"(?!\W{{0,3}}(?i:isn|wouldn|doesn|can)['’])"
    ),
    re.compile(
        rf"(?P<letter>{_CAPITAL})[)\]\"']*\s+(?i:is|would\s+be|seems)\s+(?:\w+\s+)?(?i:the\s+)?(?i:most\s+|best\s+)?"
        r"(?i:suitable|appropriate|correct|best|right|option|choice)"
    ),
    re.compile(r"(?<=\w )\((?P<letter>[A-D])\)"),
]
_LINE = re.compile(rf"(?m)^[^\w\n]{{0,12}}(?P<letter>[A-D])(?:\W*$|[.):\]]+\W*(?={_FULL_NAME}))", re.IGNORECASE)
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
        r"(?i:\b(?:can|could|should|may|might|would|will|let['’]?s|let\s+us|to|but)\s+(?:\w+\s+){0,3}?"
        rf"(?:be\s+)?(?:further\s+)?{_FULL_NAME})"
    ),
    re.compile(rf"(?i:\A\W*(?:adding\s+|add\s+)?(?:an?\s+)?{_NAME})"),
]  # fmt: skip
# A model that runs on past its answer begins the next worked example.
_NEXT_EXAMPLE = re.compile(
    r"(?im)^[^\w\n]{0,12}(?:the\s+instruction\s+is\s*:|(?:original|given)\s+(?:instruction|prompt)\s*#*\s*:)"
)


def parse_choice(reply: str) -> Action | None:
    """The action that a reply to the choosing prompt states; None if it states none, or more than one equally."""
    text = _plain(reply)
    for kind in (_STATED, _MENTIONED, _ANSWERED):
        if found := _last(kind, text):
            return found
    return _lone(text) or _last(_MEANT, text)


def _plain(reply: str) -> str:
    """The reply without emphasis, quotation styles and full-width forms, up to where it begins another example."""
    text = unicodedata.normalize("NFKC", reply).replace("’", "'").replace("‘", "'")
    text = re.sub(r"[*`“”„«»]|(?<!\w)_+|_+(?!\w)|\\text(?=\{)", "", text)
    for start in _NEXT_EXAMPLE.finditer(text):
        if _last(_STATED, text[: start.start()]):
            return text[: start.start()]
    return text


def _last(patterns: list[re.Pattern[str]], text: str) -> Action | None:
    found = [match for pattern in patterns for match in pattern.finditer(text) if not _denied(text, match)]
    return _meaning(max(found, key=lambda match: (_point(match), match.start()))) if found else None


def _denied(text: str, match: re.Match[str]) -> bool:
    """Whether the words just before say that this is not the one."""
    return _DENIAL.search(text, max(0, _point(match) - 48), _point(match)) is not None


def _point(match: re.Match[str]) -> int:
    """Where the option itself stands."""
    return max(match.start(name) for name, value in match.groupdict().items() if value)


def _meaning(match: re.Match[str]) -> Action:
    groups = match.groupdict()
    if letter := groups.get("letter"):
        return LETTERS[letter.upper()]
    return next(action for action in LETTERS.values() if groups.get(action))


def _lone(text: str) -> Action | None:
    """The option of a line that holds little else ("D.", "A. Decompose it"); a list of options is none."""
    letters = {match["letter"].upper() for match in _LINE.finditer(text)}
    if not letters and (opening := _OPENING.match(text)):
        letters = {opening["letter"]}
    return LETTERS[letters.pop()] if len(letters) == 1 else None


_MARKER = re.compile(
    r"(?<!#)#{1,6}[ \t]{0,4}\**[ \t]{0,4}(?:the[ \t]+)?new[ \t_-]*(?:sequential[ \t]+)?instruction\**[ \t]*"
    r"(?:#+\**[ \t]*:?|\**[ \t]*:|\**[ \t]*$)[ \t]*\**"
    r"|^[ \t>]*\**(?:the[ \t]+)?new[ \t]+(?:sequential[ \t]+)?instruction(?:[ \t]+is)?[ \t]*[*#]*[ \t]*:[ \t]*\**",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTES = {'"': '"”“', "“": '”"“', "'": "'’", "‘": "’'", "«": "»", "„": '“”"', "「": "」", "『": "』"}
_FENCED = re.compile(r"```(?:text|markdown|plaintext)?[ \t]*\n((?:(?!```).)*)```", re.DOTALL)
_TASK = (
    r"(?:task|instruction|step|question|modification|addition|approach|process|version|prompt|adaptation|rewrite|change"
    r"|method)"
)
_WHICH = (
    r"(?:new|added|additional|modified|revised|rewritten|updated|extended|suffix|prefix|decomposed|sequential"
    r"|two[- ](?:step|part)|step-by-step|above|first|second)"
)
_EXPLAINS = re.compile(
    rf"(?:(?<=[.!?][\"”'’ ])|(?<=[.!?] )|(?<=\n))\s*(?:"
    rf"(?:This|The|These|By|Adding|With)\s+(?:(?:an?|the|this|these)\s+)?(?:{_WHICH}\s+)+{_TASK}\w*\s+(?:not\s+only\s+)?(?:\w+ly\s+)?"
    r"(?:encourag|ensur|allow|help|enhanc|add|aim|focus|provid|prompt|deepen|build|require|make|will|would|is\b|keep|maintain"
    r"|extend|push|guide|challenge)\w*"
    rf"|(?:\*\*)?(?:Explanation|Reasoning|Rationale|Note|Justification)\b(?:\*\*)?\s*:"
    rf"|(?:In|For)\s+this\s+(?:new|modified|rewritten|revised)\s+{_TASK}|(?:Would\s+you\s+like|Let\s+me\s+know|I\s+hope\s+this)\b)",
)


def parse_instruction(reply: str) -> str | None:
    """The instruction that a reply to a writing prompt states after `#New Instruction#`; None if there is none.

    It ends at `###`, at the end of its quotation, where the model begins to explain itself or another example, or with
    the reply; the last one that is ended by `###` wins over one that the reply breaks off.
    """
    found = [part for part in _statements(_cut(reply)) if part[0]]
    closed = [text for text, ended in found if ended]
    stated = closed or [text for text, _ in found]
    return stated[-1] if stated else None


def _cut(reply: str) -> str:
    """The reply up to where it begins another worked example after its own answer."""
    first = _MARKER.search(reply)
    following = _NEXT_EXAMPLE.search(reply, first.end()) if first else None
    return reply[: following.start()] if following else reply


def _statements(reply: str) -> list[tuple[str, bool]]:
    """Every stated instruction, in order, with whether `###` ends it."""
    marks = list(_MARKER.finditer(reply))
    ends = [mark.start() for mark in marks[1:]] + [len(reply)] * bool(marks)
    bodies = [reply[mark.end() : end].partition("###") for mark, end in zip(marks, ends, strict=True)]
    return [(_body(text), bool(ended)) for text, ended, _ in bodies]


def _body(text: str) -> str:
    text = text.strip().removesuffix("**").strip()
    fenced = _FENCED.fullmatch(text)
    text = _unquoted(fenced[1].strip() if fenced else text)
    # An explanation counts as one where it is the last thing said: what follows it may be instruction again.
    last = next((m for m in _EXPLAINS.finditer(text) if "\n\n" not in text[m.end() :]), None)
    return _unquoted(text[: last.start()].strip()) if last else text


def explains(text: str) -> bool:
    """Whether a sentence of `text` speaks about the rewriting ("This added task encourages …")."""
    return _EXPLAINS.search(text) is not None


def _unquoted(text: str) -> str:
    """The inside of the quotation that `text` is, or begins with before an explanation; else `text`."""
    closers = _QUOTES.get(text[:1])
    if not closers or len(text) < 2:
        return text
    for at in range(1, len(text)):
        if text[at] in closers and _ends(text, at) and _balanced(text[1:at]):
            return text[1:at].strip()
    # Never closed: the model forgot, unless what it quotes is the first words only.
    return text[1:].strip() if not any(mark in text[1:] for mark in closers) else text


def _ends(text: str, at: int) -> bool:
    """Whether nothing, or only an explanation, follows the quotation mark at that place."""
    rest = text[at + 1 :]
    if not rest.strip(" \t\n.,*"):
        return True
    return text[at - 1] in ".!?…" and _EXPLAINS.match(f"\n{rest.lstrip()}", 1) is not None


def _balanced(inside: str) -> bool:
    """Whether the quotations within are whole, and begin with an opening mark (not as in: a" and "b)."""
    marks = [i for i, character in enumerate(inside) if character in '"“”']
    opens = not marks or marks[0] == 0 or inside[marks[0] - 1].isspace() or inside[marks[0] - 1] in "([:—-=“‘'"
    return len(marks) % 2 == 0 and opens


def parse_task(reply: str) -> str | None:
    """The one task that a reply to a prompt with a frame states: its first paragraph, without quotation marks."""
    text = reply.partition("###")[0].strip()
    first = re.split(r"\n\s*\n|\n(?=\W*[A-Z][\w ]{0,20}:)", text, maxsplit=1)[0].strip()
    task = _unquoted(first)
    return task if re.search(r"\w", task) else None
