"""Split the reply of a reasoning model into its reasoning and its answer.

Reasoning is what stands at the beginning of a reply between a pair of known marks, once or several times in a row; what
precedes a closing mark whose opening mark is missing, since many chat templates write that one; and everything but the
final channel of a reply in OpenAI's harmony format. A mark in the middle of a text, in code, in quotation marks or
within a sentence is part of the answer.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from typing import NamedTuple

from stages.reasoning.marks import MARKS, Marks


class Parts(NamedTuple):
    """A text in two parts."""

    reasoning: str
    """"" where there is none."""
    answer: str
    """The whole text, unchanged, where there is no reasoning."""


class Mark(NamedTuple):
    """One occurrence."""

    start: int
    end: int
    opens: bool


OPENINGS = ("<think>", "<thinking>", "<reasoning>", "<seed:think>", "[think]", "<|channel|>analysis<|message|>")
"""Opening marks of which a reply that was cut off may hold the beginning only."""
MOST = 64
"""Blocks one after another above which a reply is nothing but reasoning."""
NEAR = 200
"""Characters around a mark by which it is known whether a sentence speaks of it."""
SHORTEST = 4
"""Characters from which the beginning of an opening mark is taken for one: "<th" may be a cell of a table."""

_ANY_CLOSING = re.compile("|".join(marks.closing.pattern for marks in MARKS), re.IGNORECASE)
_TURN = re.compile(
    r"(?:\s|\ufeff|<s>|<\|im_start\|>(?:assistant)?|<\|assistant\|>|<｜Assistant｜>"
    r"|<\|start_header_id\|>assistant<\|end_header_id\|>)*"
)
"""What may stand before the first mark: white space, and how a chat template opens the assistant's turn."""
_TALK = re.compile(
    r"[ \t]+(?:is|are|was|were|and|or|tags?|tokens?|elements?|blocks?|marks?|means|in|opens?|has|should)\b"
)
"""How a sentence goes on whose subject is a mark."""
_FENCE = re.compile(r"^[ \t]*```([^\n`]*)$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_QUOTES = {
    "`": "`",
    '"': '"',
    "'": "'",
    "“": "”",
    "‘": "’",
    "«": "»",
    "(": ")",
    "[": "]",
    "{": "}",
    "「": "」",
    "„": "“",
}

_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)(?:[^<]|<\|constrain\|>){0,200}<\|message\|>")
_CHANNELS = re.compile(
    r"\s*+(?:(?:<\|start\|>)?\s*+assistant\s*+)?(?:<\|channel\|>|(?P<bare>analysis|commentary|final)\s*<\|message\|>)"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_LATE_FINAL = re.compile(
    r"(?:<\|end\|>\s*)?<\|start\|>\s*assistant\s*<\|channel\|>\s*final(?:[^<]|<\|constrain\|>){0,200}<\|message\|>"
)
_BARE_CHANNELS = re.compile(
    r"\s*analysis(?:(?=(?:We|The|User|I|It|Let|Okay|Need|First|This|They)\b)|(?=.*?assistantfinal))", re.DOTALL
)
"""Harmony whose special tokens were left out when the tokens became a text."""
_GRANITE = re.compile(r"\s*Here(?:['’]s| is) my thought process:")
_GRANITE_END = re.compile(r"Here(?:['’]s| is) my response:")
_WRAPPED = re.compile(
    r"\s*<(?P<tag>answer|final_answer|response|solution)>(?P<text>.*?)(?:</(?P=tag)>\s*)?\Z"
    r"|\s*<\|(?:begin_of_solution|START_RESPONSE)\|>(?P<token>.*?)(?:<\|(?:end_of_solution|END_RESPONSE)\|>\s*)?\Z",
    re.DOTALL | re.IGNORECASE,
)


def split_reasoning(text: str, ended: bool = True) -> Parts:
    """The reasoning and the answer in a reply's text; a text without reasoning is the answer, unchanged.

    ended: whether the model ended the reply by itself. Reasoning that never ends leaves no answer. Splitting the answer
    once more changes nothing.
    """
    reasoning: list[str] = []
    for _ in range(MOST):
        parts = _channels(text) or _announced(text, ended) or _blocks(text, ended)
        if parts is None:
            return Parts(_joined(reasoning), text)
        reasoning.append(parts.reasoning)
        # What is left may begin with a block of another kind.
        text = _unwrapped(parts.answer)
    return Parts(_joined([*reasoning, text]), "")


def answer_of(text: str) -> str:
    """The answer in a text that a model wrote to its end."""
    return split_reasoning(text).answer


def closes_reasoning(text: str) -> bool:
    """Whether a text holds a mark that ends reasoning."""
    return _ANY_CLOSING.search(text) is not None or _LATE_FINAL.search(text) is not None


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())


# ---------------------------------------------------------------- pairs of marks


def _blocks(text: str, ended: bool) -> Parts | None:
    """The block at the beginning, else what precedes a closing mark without an opening one; None without either."""
    begun = _opening(text)
    if begun is None:
        lone = _lone_closing(text)
        if lone:
            return Parts(text[: lone.start], text[lone.end :])
        return Parts(text, "") if not ended and _begins_mark(text) else None
    marks, inside = begun
    closing = _closing(text, marks, inside)
    if closing:
        return Parts(text[inside : closing.start], text[closing.end :])
    return None if ended and _TALK.match(text, inside) else Parts(text[inside:], "")


def _opening(text: str) -> tuple[Marks, int] | None:
    """The family of the mark that `text` begins with, and where the mark ends."""
    turn = _TURN.match(text)
    start = turn.end() if turn else 0
    for marks in MARKS:
        if match := marks.opening.match(text, start):
            return marks, match.end()
    return None


def _begins_mark(text: str) -> bool:
    begun = text.strip().lower()
    return len(begun) >= SHORTEST and any(mark.startswith(begun) for mark in OPENINGS)


def _closing(text: str, marks: Marks, inside: int) -> Mark | None:
    """Where the block that begins at `inside` ends: blocks nest; where they don't add up, at the last mark."""
    depth, last = 1, None
    for mark in _occurrences(text, marks, inside):
        if not _mentioned(text, mark, strict=False):
            depth += 1 if mark.opens else -1
            last = last if mark.opens else mark
        if depth == 0:
            break
    return last


def _occurrences(text: str, marks: Marks, start: int) -> list[Mark]:
    """Every mark of a family, in order."""
    opening = (Mark(*match.span(), True) for match in marks.opening.finditer(text, start))
    closing = (Mark(*match.span(), False) for match in marks.closing.finditer(text, start))
    return sorted([*opening, *closing])


def _lone_closing(text: str) -> Mark | None:
    """The last closing mark that no opening mark precedes, if any."""
    if _ANY_CLOSING.search(text) is None:
        return None
    code = _Code(text)
    lone_marks = (_lone(text, marks, code) for marks in MARKS)
    return max((mark for mark in lone_marks if mark), default=None)


def _lone(text: str, marks: Marks, code: "_Code") -> Mark | None:
    depth, opened, lone = 0, -1, None
    for mark in _occurrences(text, marks, 0):
        quoted = code.holds(mark.start)
        if mark.opens:
            depth, opened = depth + (not quoted and not _mentioned(text, mark, strict=False)), mark.end
        elif (
            quoted
            or _mentioned(text, mark, strict=opened >= 0)
            or (opened >= 0 and "\n" not in text[opened : mark.end])
        ):
            opened = -1
        elif depth:
            depth -= 1
        else:
            lone, opened = mark, -1
    return lone


def _in_one_line(text: str, opened: int, mark: Mark) -> bool:
    return opened >= 0 and text.find("\n", opened, mark.start) < 0


def _mentioned(text: str, mark: Mark, strict: bool) -> bool:
    """Whether a sentence speaks of a mark instead of the model making one.

    It does if the mark is in quotation marks or brackets, if a comma follows, or if words stand on both sides of it in
    one line. strict: also if words stand before it and the line ends with it.
    """
    before, after = text[max(0, mark.start - NEAR) : mark.start], text[mark.end : mark.end + NEAR]
    if (before and after[:1] == _QUOTES.get(before[-1], "\0")) or after[:1] in (",", ";", ")"):
        return True
    line = before.rpartition("\n")[2]
    words_before = line.rstrip()
    if words_before == line or not (words_before[-1:].isalnum() or words_before[-1:] in (",", ";", ":")):
        return False
    following = after.partition("\n")[0]
    if not following.strip():
        return strict
    return following[0] in ",.;:!?" or (following[0] in " \t" and following.lstrip()[0].islower())


class _Code:
    """Where a text is code: between fences, of which one such as ```python opens and never closes, or backticks."""

    def __init__(self, text: str) -> None:
        self._spans = sorted([*_fenced(text), *(match.span() for match in _CODE.finditer(text))])

    def holds(self, place: int) -> bool:
        """Whether `place` is in code. Spans overlap by a fence's own line at most."""
        number = bisect(self._spans, (place, 1 << 62))
        return any(start <= place < end for start, end in self._spans[max(0, number - 3) : number])


def _fenced(text: str) -> Iterator[tuple[int, int]]:
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened and not fence[1].strip():
            yield opened.start(), fence.end()
            opened = None
        else:
            opened = fence


# ---------------------------------------------------------------- channels and announcements


def _channels(text: str) -> Parts | None:
    """A reply in harmony's format; None for any other."""
    begun = _CHANNELS.match(text)
    if begun:
        return _by_channel(f"<|channel|>{begun['bare']}<|message|>{text[begun.end() :]}" if begun["bare"] else text)
    if bare := _BARE_CHANNELS.match(text):
        reasoning, _, answer = text[bare.end() :].partition("assistantfinal")
        return Parts(reasoning.strip(), answer)
    late = _LATE_FINAL.search(text)
    if late is None or _Code(text).holds(late.start()):
        return None
    return Parts(text[: late.start()], _by_channel(text[late.start() :]).answer)


def _by_channel(text: str) -> Parts:
    reasoning, answer = [], ""
    headers = list(_CHANNEL.finditer(text))
    for header in headers:
        end = _CHANNEL_END.search(text, header.end())
        body = text[header.end() : end.start() if end else len(text)]
        if header[1] == "final":
            answer += body
        else:
            reasoning.append(body)
    return Parts(_joined(reasoning) if headers else text, answer)


def _announced(text: str, ended: bool) -> Parts | None:
    """Granite announces its thoughts and its response in words."""
    begun = _GRANITE.match(text)
    end = _GRANITE_END.search(text, begun.end()) if begun else None
    if begun and end:
        return Parts(text[begun.end() : end.start()].strip(), text[end.end() :])
    return Parts(text[begun.end() :].strip(), "") if begun and not ended else None


def _unwrapped(rest: str) -> str:
    """What follows the reasoning, without blank lines before it and without the tag around it, if it is one answer."""
    wrapped = _WRAPPED.match(rest)
    if wrapped:
        text = wrapped["text"] if wrapped["tag"] else wrapped["token"]
        return text.strip("\n") if "</" + (wrapped["tag"] or "\0") not in text else rest
    lines = re.match(r"(?:[ \t]*\r?\n)+", rest)
    return rest[lines.end() :] if lines else rest.lstrip(" \t")
