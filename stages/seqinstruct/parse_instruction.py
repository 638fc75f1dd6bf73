"""Parse the instruction that a reply states.

Models write it after `#New Instruction#`, which they vary ("**New Instruction:**", "## New Instruction", a key of JSON,
a tag), and go on: with `###`, an explanation, an afterword, another worked example. `parse_instruction` takes the LAST
one that is whole, without its quotation marks and without the explanation after it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from stages.reasoning import answer_of

_STOP = re.compile(
    r"</s>|<\|(?:eot_id|eom_id|im_end|endoftext|end_of_text|end|return)\|>|<end_of_turn>|<｜end▁of▁sentence｜>"
)
NEXT_EXAMPLE = re.compile(
    r"(?im)^[^\w\n]{0,12}(?:(?:the\s+)?(?:next\s+)?instruction(?:[ \t]+is)?[ \t]*:"
    r"|(?:original|given)[ \t_]+(?:instruction|prompt)[ \t]*(?:#|:|\*\*)|example[ \t]+\d+\b"
    r"|(?:user|human)[ \t]*:|<\|(?:user|im_start)\|>)"
)
"""The beginning of another worked example, after the answer of a model that does not stop."""
_NEW = (
    r"(?:(?:the[ \t]+)?(?:final[ \t]+)?(?:new|rewritten|modified|revised|adapted)[ \t_-]{0,3}"
    r"(?:sequential(?:ly)?[ \t-]*)?(?:related[ \t]*)?instructions?"
    r"|新(?:的)?指令|新しい(?:指示|命令)|새(?:로운)?[ \t]*(?:지시|명령)|neue[ \t]+Anweisung"
    r"|nueva[ \t]+instrucción|nouvelle[ \t]+(?:instruction|consigne)|nova[ \t]+instrução|новая[ \t]+инструкция)"
    r"(?:[ \t]*\([^()\n]{1,40}\))?"
)
_LINE_START = r"[ \t>*_\-–•\d.\[(\"'“`]{0,12}"
_COLON = r"(?:[:：=]|[-–—](?=[ \t]))"
_MARKER = re.compile(
    # #New Instruction#: at the beginning of a line, or anywhere before a colon, a quotation or the end of the line.
    rf"(?:^{_LINE_START})?(?<![#\w＃])[#＃]{{1,6}}[ \t]{{0,4}}[*_\"]{{0,3}}[ \t]{{0,4}}{_NEW}[*_\"]{{0,3}}[ \t]*"
    rf"(?:[#＃]+[*_\"\])]{{0,4}}[ \t]*{_COLON}|[*_\"\])]{{0,4}}[ \t]*{_COLON}"
    r"|(?<=[#＃])[*_]{0,3}[ \t]*(?=$|[\"“'‘「])"
    r"|[#＃]*[*_]{0,3}[ \t]*(?:[#＃]+[*_]{0,3}[ \t]*)?(?=$|[\"“'‘「]))[ \t]*[*_]{0,3}"
    # New Instruction: at the beginning of a line, also within a sentence that introduces it.
    rf"|^{_LINE_START}(?:(?:so|thus|hence|therefore|here(?:'s|’s|[ \t]+is))[ \t,]+)?{_NEW}"
    rf"(?:[ \t]+(?:is|would[ \t]+be|could[ \t]+be|becomes))?[*_\"\])#]{{0,4}}[ \t]*{_COLON}[ \t]*[*_]{{0,3}}"
    # A heading of its own.
    rf"|^[ \t>]*(?:\*\*|__|\[|<){_NEW}(?:\*\*|__|\]|>)[ \t]*$|<{_NEW}>",
    re.IGNORECASE | re.MULTILINE,
)
_KEYED = re.compile(
    rf"\"[#\s]{{0,3}}{_NEW}[#\s]{{0,3}}\"\s{{0,9}}:\s{{0,9}}(?P<text>\"(?:[^\"\\]|\\.)*\")", re.IGNORECASE
)
_CLOSING = re.compile(rf"</{_NEW}>", re.IGNORECASE)
_AROUND = 16
"""Characters before and after a marker by which a copy of it is known."""
_END = re.compile(r"[#＃]{3,}")
_FENCES = re.compile(r"```[^`]*(?:`(?!``)[^`]*)*```")


def answer_text(reply: str) -> str:
    """The answer in a reply, without the model's reasoning, up to the first stop token after some text."""
    text = answer_of(reply)
    stop = next((mark for mark in _STOP.finditer(text) if text[: mark.start()].strip()), None)
    return text[: stop.start()] if stop else text


class Statement(NamedTuple):
    """One stated instruction."""

    start: int
    text: str
    whole: bool
    """Ended by `###`, or as a text ends; else the reply broke off."""


def parse_instruction(reply: str, original: str = "") -> str | None:
    """The instruction that a reply to a writing prompt states after `#New Instruction#`; None if there is none.

    It ends at `###`, at the end of its quotation, where the model begins to explain itself or another example, or with
    the reply; the last whole one wins over one that the reply breaks off. A marker that stands in `original` is no
    marker where the reply copies it.
    """
    text = answer_text(reply)
    text = text.replace("\\#", "#") if "\\#" in text else text
    keyed = _keyed(text)
    if keyed is not None:
        return keyed
    statements = [statement for statement in _statements(text, original) if statement.text]
    following = NEXT_EXAMPLE.search(text, statements[0].start + 1) if statements else None
    if following:
        statements = [statement for statement in statements if statement.start < following.start()]
    stated = [statement for statement in statements if statement.whole] or statements
    return stated[-1].text if stated else None


def _keyed(reply: str) -> str | None:
    """The value of a key such as "new_instruction", where the reply is a JSON object."""
    bare = reply.strip().removeprefix("```json").removeprefix("```").strip()
    keys = list(_KEYED.finditer(bare)) if bare.startswith("{") else []
    if not keys:
        return None
    try:
        text: str = msgspec.json.decode(keys[-1]["text"], type=str, strict=False).strip()
    except msgspec.DecodeError:
        return None
    return text if _says(text) else None


def _marks(reply: str, original: str) -> list[re.Match[str]]:
    """The markers of a reply, without those that it copies from the original."""
    around = [
        (original[max(0, mark.start() - _AROUND) : mark.start()], original[mark.end() : mark.end() + _AROUND])
        for mark in _MARKER.finditer(original)
    ]
    return [
        mark for mark in _MARKER.finditer(reply)
        if not any(
            reply.endswith(before, 0, mark.start()) and reply.startswith(after, mark.end())
            for before, after in around if before or after
        )
    ]  # fmt: skip


def _statements(reply: str, original: str) -> Iterator[Statement]:
    """Every stated instruction, in order; "" for a marker that nothing follows."""
    marks = _marks(reply, original)
    ends = [mark.start() for mark in marks[1:]] + [len(reply)] * bool(marks)
    for mark, end in zip(marks, ends, strict=True):
        text = reply[mark.end() : end]
        following = NEXT_EXAMPLE.search(text)
        text = text[: following.start()] if following else text
        closed = _closed(text)
        body = _body(text if closed is None else text[:closed], reply[mark.start() : mark.end()])
        ended = closed is not None or following is not None or body[-1:] in tuple(".?!…。！？:;)]}|\"'”’`»」")
        yield Statement(mark.start(), body if _says(body) else "", ended)


def _closed(text: str) -> int | None:
    """Where `###` or a closing tag ends an instruction; a heading or a comment within it does not."""
    tag = _CLOSING.search(text)
    fenced = [match.span() for match in _FENCES.finditer(text)]
    marks = [m for m in _END.finditer(text) if not any(a <= m.start() < b for a, b in fenced)] or [*_END.finditer(text)]
    bare = [mark for mark in marks if not _heads(text, mark)]
    ends = [mark.start() for mark in (bare or marks)[:1]] + ([tag.start()] if tag else [])
    return min(ends, default=None)


def _heads(text: str, mark: re.Match[str]) -> bool:
    """Whether this `###` begins a heading, as in Markdown, rather than ending anything."""
    return text[mark.end() : mark.end() + 1] in (" ", "\t") and text[mark.start() - 1 : mark.start()] in tuple(
        "\n'\"`(“‘ "
    )


_PLACEHOLDER = re.compile(
    r"\W*(?:n/?a|none|null|\$?\{+\s*\w*\s*\}+|your new instruction(?: here)?|(?:the )?new instruction)\W*", re.I
)


def _says(text: str) -> bool:
    return re.search(r"\w", text) is not None and _PLACEHOLDER.fullmatch(text[:80]) is None


_QUOTES = {'"': '"”“', "“": '"”“', "'": "'’", "‘": "'’", "«": "»", "„": '“”"', "「": "」", "『": "』"}
_WRAPS = (("```", "```"), ("**", "**"), ("__", "__"), ("*", "*"), ("`", "`"), ("[", "]"), ("<", ">"))
_FENCED = re.compile(r"```(?:text|markdown|plaintext)?[ \t]*\n((?:(?!```).)*)```", re.DOTALL)
_TRAILING = re.compile(r"(?:\n[ \t]*(?:>|-{3,}|\*{2,}|_{2,}|#{1,6}|={3,}|~{3,}))+[ \t]*\Z")
_TASK = (
    r"(?:task|instruction|step|question|modification|addition|approach|process|version|prompt|adaptation|rewrite|change"
    r"|method)"
)
_WHICH = (
    r"(?:new|added|additional|modified|revised|rewritten|updated|extended|suffix|prefix|decomposed|sequential"
    r"|two[- ](?:step|part)|step-by-step|above|first|second)"
)
_DOES = (
    r"(?:encourag|ensur|allow|help|enhanc|add|aim|focus|provid|prompt|deepen|build|require|make|will|would|is\b|keep|maintain"
    r"|extend|push|guide|challenge"
)
_EXPLAINS = re.compile(
    rf"(?:(?<=[.!?][\"”'’ ])|(?<=[.!?] )|(?<=\n))\s*(?:"
    rf"(?:This|The|These|By|Adding|With)\s+(?:(?:an?|the|this|these)\s+)?(?:{_WHICH}\s+)+{_TASK}\w*\s+(?:not\s+only\s+)?"
    rf"(?:\w+ly\s+)?{_DOES})\w*"
    r"|\(?(?:\*{1,2})?(?:Explanation|Reasoning|Rationale|Note|Justification)\b(?:\*{1,2})?\s*:"
    rf"|(?:In|For)\s+this\s+(?:new|modified|rewritten|revised)\s+{_TASK}|(?:Would\s+you\s+like|Let\s+me\s+know|I\s+hope\s+this)\b"
    r"|(?:Please\s+let\s+me\s+know|Hope\s+this\s+helps)\b"
    rf"|(?:I|We)(?:\s+have|['’]ve)?\s+(?:added|split|decomposed|kept|modified|rewrote|rewritten)\s+(?:an?|the|it|this)\b"
    rf"|(?:Here|Now),\s+the\s+(?:added|new|first|second)\s+{_TASK}|By\s+adding\s+(?:an?|the|this)\s+(?:prefix|suffix)\b)",
)
# After a paragraph's end even these are about the instruction, not part of it.
_AFTERWORD = re.compile(
    rf"\n[ \t]*(?:\n|-{{3,}}[ \t]*\n)\s*(?i:This|That)\s+#?"
    rf"(?i:(?:(?:new|added|rewritten|modified|revised)\s+)?#?{_TASK})#?\s+(?:now\s+|first\s+|not\s+only\s+"
    rf"|\w+ly\s+)?(?:ask|includ|introduc|{_DOES[3:]})\w*"
    r"|\n[ \t]*(?:#{1,6}|\*\*)[ \t]*(?:Explanation|Reasoning|Rationale|Justification)\b"
)


def _body(text: str, mark: str) -> str:
    """What stands after a marker, without its quotation and without the explanation after it."""
    text = _TRAILING.sub("", text.strip()).strip()
    for left in ("**", "*", "```"):
        text = text.removesuffix(left).strip() if text.count(left) % 2 else text
    opened = mark.strip()[:1]
    text = text.removesuffix(opened).strip() if opened in ('"', "`") and text.count(opened) % 2 else text
    if text.startswith(">") and all(line.lstrip()[:1] in ("", ">") for line in text.splitlines()):
        text = "\n".join(line.lstrip()[1:].strip() for line in text.splitlines())
    text = _unwrapped(text)
    after = _AFTERWORD.search(text)
    text = text[: after.start()].strip() if after else text
    # An explanation counts as one where it is the end of the text: what follows it may be instruction again.
    last = next((m for m in _EXPLAINS.finditer(text) if "\n\n" not in text[m.end() :]), None)
    return _unwrapped(_TRAILING.sub("", text[: last.start()]).strip()) if last else _unwrapped(text)


def _unwrapped(text: str) -> str:
    """The inside of the emphasis, the fence, the brackets or the quotation that the whole of `text` is."""
    fenced = _FENCED.fullmatch(text)
    text = fenced[1].strip() if fenced else text
    for opens, closes in _WRAPS[1:]:
        inside = text[len(opens) : -len(closes)]
        if text.startswith(opens) and text.endswith(closes) and inside and opens not in inside and closes not in inside:
            text = inside.strip()
    return _unquoted(text)


def explains(text: str) -> bool:
    """Whether a sentence of `text` speaks about the rewriting ("This added task encourages …")."""
    return _EXPLAINS.search(text) is not None


def _unquoted(text: str) -> str:
    """The inside of the quotation that `text` is, or begins with before an explanation; else `text`."""
    closers = _QUOTES.get(text[:1])
    if not closers or len(text) < 2:
        return text
    marks = 0
    for at in range(1, len(text)):
        if text[at] in closers and marks % 2 == 0 and _ends(text, at) and _opens_well(text, at):
            return text[1:at].strip()
        marks += text[at] in '"“”'
    # Never closed: the model forgot, unless what it quotes is the first words only.
    return text[1:].strip() if not any(mark in text[1:] for mark in closers) else text


def _ends(text: str, at: int) -> bool:
    """Whether nothing, or only an explanation, follows the quotation mark at that place."""
    rest = text[at + 1 : at + 400]
    if not rest.strip(" \t\n.,*"):
        return not text[at + 1 :].strip(" \t\n.,*")
    if text[at - 1] not in ".!?…":
        return False
    return any(pattern.match(f"\n\n{rest.lstrip()}", place) for pattern, place in ((_EXPLAINS, 1), (_AFTERWORD, 0)))


def _opens_well(text: str, at: int) -> bool:
    """Whether the first quotation within begins with an opening mark (not as in: a" and "b)."""
    first = next((i for i in range(1, at) if text[i] in '"“”'), None)
    return first is None or first == 1 or text[first - 1].isspace() or text[first - 1] in "([:—-=“‘'"


def parse_task(reply: str) -> str | None:
    """The one task that a reply to a prompt with a frame states: its first paragraph, without quotation marks."""
    text = answer_text(reply).partition("###")[0].strip()
    first = re.split(r"\n\s*\n|\n(?=\W*[A-Z][\w ]{0,20}:)", text, maxsplit=1)[0].strip()
    task = _unquoted(first)
    return task if re.search(r"\w", task) else None
